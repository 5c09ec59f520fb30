//! What a list can say.

use std::ffi::OsStr;

use super::*;
use crate::sandbox::linux::seccomp::table;
use crate::sandbox::linux::testing::filtered;

#[test]
fn a_list_widens_nothing() {
    let units = Units::new();
    let world = &units.world;
    let outside = world.c_path("outside/file");
    let protected = world.c_path("inside/protected/file");
    let all = list(&[Path::new("/"), &world.path("inside/protected")]);
    let with_all = |path: &CString| {
        world.supervised(|| {
            must(&all);
            chmod(path)
        })
    };
    assert_eq!(with_all(&units.other), 0);
    assert_eq!(with_all(&outside), EPERM);
    assert_eq!(with_all(&protected), EPERM);

    let other = list(&[&world.path("inside/other")]);
    for second in [&all, &other, &units.list] {
        let refused = units.narrowed(|| {
            must(second);
            chmod(&units.other)
        });
        assert_eq!(refused, EPERM);
    }
    for (second, left) in [(&all, 0), (&other, EPERM), (&Vec::new(), EPERM)] {
        let own = units.narrowed(|| {
            must(second);
            chmod(&units.own)
        });
        assert_eq!(own, left);
    }
    // As many as Landlock's domains.
    let deep = |count: usize| {
        units.narrowed(|| {
            (1..count).for_each(|_| must(&units.list));
            errno(ask(&units.list, b""))
        })
    };
    assert_eq!(deep(15), 0);
    assert_eq!(deep(16), libc::E2BIG);
}

#[test]
fn hostile_lists() {
    let units = Units::new();
    let world = &units.world;
    let raw_list = |address: usize, length: usize| {
        world.supervised(|| {
            raw(
                libc::SYS_prctl,
                [usize::try_from(table::NARROW).unwrap_or(0), address, length],
            )
        })
    };
    let text = |text: &[u8]| raw_list(text.as_ptr().addr(), text.len());
    assert_eq!(text(b"/\0"), 0);
    assert_eq!(text(b"/\0/usr\0/usr/../usr/\0"), 0);
    assert_eq!(raw_list(0, 0), 0);
    for bad in [
        &b"/"[..],
        b"\0",
        b"/\0\0",
        b"/usr\0relative\0",
        b"./\0",
        b"/usr\0/",
        b"../..\0",
    ] {
        assert_eq!(text(bad), EINVAL, "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(text(b"/does-not-exist\0"), ENOENT);
    assert_eq!(text(b"/proc/self/cwd\0"), ELOOP);
    assert_eq!(
        text(&[&b"/"[..], &[b'x'; 5000], b"\0"].concat()),
        ENAMETOOLONG
    );
    for pointer in [0, 8, usize::MAX, usize::MAX - 4096, 1 << 63] {
        assert_eq!(raw_list(pointer, 8), EFAULT, "{pointer:#x}");
    }
    let longest = b"/\0".repeat(32 * 1024 + 1);
    for length in [65537, longest.len(), 1 << 32, usize::MAX] {
        assert_eq!(raw_list(longest.as_ptr().addr(), length), libc::E2BIG);
    }
    assert_eq!(text(&longest[..512]), 0);
    assert_eq!(text(&longest[..514]), libc::E2BIG);

    // Whatever failed has changed nothing.
    let after = |list: &[u8]| {
        world.supervised(|| match ask(list, b"") {
            Ok(()) => pass_on(EINVAL),
            Err(_) => chmod(&units.other),
        })
    };
    assert_eq!(after(b"/does-not-exist\0"), 0);
    assert_eq!(after(b"relative\0"), 0);
}

#[test]
fn places_are_looked_up_once() {
    let units = Units::new();
    let world = &units.world;
    let link = world.c_path("inside/link");
    symlink("own", world.path("inside/link")).unwrap();
    let through_link = list(&[&world.path("inside/link")]);
    let turned = world.c_path("inside/other");
    let result = |path: &CString| {
        world.supervised(|| {
            must(&through_link);
            raw(libc::SYS_unlinkat, [CWD, link.as_ptr().addr(), 0]);
            let (to, at) = (turned.as_ptr().addr(), link.as_ptr().addr());
            raw(libc::SYS_symlinkat, [to, CWD, at]);
            chmod(path)
        })
    };
    assert_eq!(result(&units.other), EPERM);
    assert_eq!(
        fs::read_link(world.path("inside/link")).unwrap(),
        world.path("inside/other")
    );
    fs::remove_file(world.path("inside/link")).unwrap();
    symlink("own", world.path("inside/link")).unwrap();
    assert_eq!(result(&units.own), 0);

    let dots = list(&[&world.path("inside/other/../own/.")]);
    let with_dots = |path: &CString| {
        world.supervised(|| {
            must(&dots);
            chmod(path)
        })
    };
    assert_eq!(with_dots(&units.own), 0);
    assert_eq!(with_dots(&units.other), EPERM);

    let odd = world
        .path("inside")
        .join(OsStr::from_bytes(b"\xff (deleted)\n"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("file"), "text").unwrap();
    let (file, odd) = (c_string(&odd.join("file")), list(&[&odd]));
    for (path, expected) in [(&file, 0), (&units.own, EPERM)] {
        let result = world.supervised(|| {
            must(&odd);
            chmod(path)
        });
        assert_eq!(result, expected);
    }
}

#[test]
fn nobody_narrows_outside_of_a_build() {
    let outside = narrow(&[Path::new("/")], b"").unwrap_err();
    assert_eq!(outside.kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(filtered(BUILD, || errno(ask(b"/\0", b""))), ENOSYS);
}
