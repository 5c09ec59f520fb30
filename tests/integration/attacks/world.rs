//! One throw-away world for one run: a home folder full of secrets, a project with a hostile
//! dependency, and processes, servers, keys and a terminal of a user who suspects nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::secrets;
use super::state::{
    block_device, file_state, one_processor, own_control_group, process_state, survivors,
};
use super::table::{Attack, Class, Judge, TABLE};
use super::{Form, Mode};
use crate::support::canary::Canary;
use crate::support::project::{Project, write};
use crate::support::{chance, skip, system, unique};

/// The numbers under which the build inherits descriptors.
const INHERITED: [i32; 4] = [400, 401, 402, 403];

pub(crate) struct World {
    pub(crate) id: String,
    pub(crate) project: Project,
    pub(crate) canary: Canary,
    processes: BTreeMap<&'static str, (Child, String)>,
    touched: BTreeMap<PathBuf, Option<String>>,
    elsewhere: BTreeMap<&'static str, PathBuf>,
    key: Option<i64>,
    ipc: [i32; 2],
    terminal: fs::File,
    stopped: Arc<AtomicBool>,
}

/// What a run of the build left, beside its effects.
pub(crate) struct Build {
    pub(crate) succeeded: bool,
    pub(crate) output: String,
    pub(crate) reports: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn new(form: Form) -> Self {
        let project = Project::named("host");
        let id = unique();
        // The kernel's limit for the path of a socket.
        let sockets = project.home("run");
        assert!(
            sockets.as_os_str().len() < 90,
            "too long a path: {}",
            sockets.display()
        );
        fs::create_dir_all(&sockets).unwrap();
        fs::create_dir_all(project.home(".ssh/kept")).unwrap();
        fs::create_dir_all(project.path("victims")).unwrap();
        let (master, terminal) = system::terminal().unwrap();
        let typed = terminal.try_clone().unwrap();
        let canary = Canary::start(&sockets, &id, b"", vec![Box::new(master), Box::new(typed)]);
        let mut world = Self {
            id,
            project,
            canary,
            processes: BTreeMap::new(),
            touched: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            key: None,
            ipc: [0, 1].map(|_| i32::try_from(chance(1 << 30)).unwrap() | 1),
            terminal,
            stopped: Arc::default(),
        };
        world.name_elsewhere();
        world.write_secrets();
        world.write_project(form);
        world.share_secrets();
        for attack in TABLE {
            world.prepare(attack);
        }
        world.write_facts();
        world.lock();
        world.touch_all_the_time();
        // What the preparation itself changed must not count.
        for attack in TABLE {
            world.remember(attack);
        }
        world
    }

    pub(crate) fn needle(&self, name: &str) -> String {
        match name {
            "stat-hidden" => format!("size={};", self.odd_size()),
            _ => format!("needle-{}-{name}", self.id),
        }
    }

    /// A size that no file has by chance.
    fn odd_size(&self) -> u64 {
        let letters = self
            .id
            .bytes()
            .fold(0, |sum: u64, b| (sum * 31 + u64::from(b)) % 900_000);
        1_000_000 + letters
    }

    pub(crate) fn secret(&self, name: &str) -> PathBuf {
        self.project.home(".ssh/kept").join(name)
    }

    pub(crate) fn victim(&self, name: &str) -> PathBuf {
        self.project.path("victims").join(name)
    }

    pub(crate) fn elsewhere(&self, name: &str) -> Option<&PathBuf> {
        self.elsewhere.get(name)
    }

    fn name_elsewhere(&mut self) {
        let name = format!("evil-{}", self.id);
        for (attack, folder) in [
            ("write-tmp", "/tmp"),
            ("write-var-tmp", "/var/tmp"),
            ("write-dev-shm", "/dev/shm"),
            ("loader-start", "/tmp"),
            ("read-shared-temporary", "/tmp"),
        ] {
            self.elsewhere
                .insert(attack, Path::new(folder).join(format!("{name}-{attack}")));
        }
        if let Some(folder) = own_control_group() {
            self.elsewhere.insert("cgroup-make", folder.join(name));
        }
    }

    fn write_secrets(&self) {
        for (name, path) in secrets::HOME_SECRETS {
            self.project
                .home_file(path, format!("# {}\n", self.needle(name)));
        }
        for (name, path) in secrets::HOST_SECRETS {
            self.project
                .file(path, format!("// {}\n", self.needle(name)));
        }
        let list = self.needle("list-home");
        self.project
            .home_file(list, "")
            .home_file(format!(".ssh/{}", self.needle("list-ssh")), "");
        write(
            &self.elsewhere["read-shared-temporary"],
            self.needle("read-shared-temporary"),
        );
        for path in [
            ".bashrc",
            ".profile",
            ".zshrc",
            ".tcshrc",
            ".gitconfig",
            ".cargo/config.toml",
        ] {
            self.project.home_file(path, "");
        }
        self.project
            .home_file(secrets::REGISTRY_SOURCE, "")
            .home_file(secrets::REGISTRY_CACHE, "");
        self.project
            .home_file(".rustup/settings.toml", "version = \"12\"\n");
        let size = fs::File::create(self.secret("stat-hidden")).unwrap();
        size.set_len(self.odd_size()).unwrap();
        symlink(
            self.needle("readlink-hidden"),
            self.secret("readlink-hidden"),
        )
        .unwrap();
        write(&self.secret("getxattr-hidden"), "");
        let attribute = self.needle("getxattr-hidden");
        let hidden = self.secret("getxattr-hidden");
        if let Err(e) = system::set_attribute(&hidden, c"user.needle", &attribute) {
            skip("getxattr-hidden", &e.to_string());
        }
    }

    fn write_project(&self, form: Form) {
        let project = &self.project;
        project.file(
            "Cargo.toml",
            "[package]\nname = \"host\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
             [dependencies]\nevil.path = \"vendor/evil\"\nother.path = \"vendor/other\"\n",
        );
        project.file("package.json", "{\"name\": \"host\"}\n");
        project.file(".cargo/config.toml", "");
        project.file("../.cargo/config.toml", "");
        project.file(".git/HEAD", "ref: refs/heads/main\n");
        for folder in [".git/objects", ".git/refs", ".git/hooks"] {
            fs::create_dir_all(project.path(folder)).unwrap();
        }
        let token = self.needle("read-host-git-config");
        project.file(
            ".git/config",
            format!(
                "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\
                 \turl = https://user:{token}@example.invalid/host.git\n"
            ),
        );
        project.file(".perry-cache/.gitignore", "*\n");
        project.file(".perry-cache/objects/native.o", "");
        project.file("node_modules/other/index.js", "");
        project.file("node_modules/other/package.json", "{\"name\": \"other\"}\n");
        let manifest = |name: &str, more: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
        };
        project.file("vendor/other/Cargo.toml", manifest("other", ""));
        project.file("vendor/other/build.rs", "fn main() {}\n");
        project.file("vendor/other/src/lib.rs", "");
        for (name, source) in super::HOSTILE {
            project.file(format!("vendor/evil/hostile/{name}.rs"), source);
        }
        match form {
            Form::BuildScript => {
                project.file("vendor/evil/Cargo.toml", manifest("evil", ""));
                project.file("vendor/evil/src/lib.rs", "");
                project.file(
                    "vendor/evil/build.rs",
                    "mod hostile;\nfn main() {\n    \
                     hostile::run(|line| println!(\"cargo:warning={line}\"));\n}\n",
                );
                project.file("src/main.rs", "fn main() {}\n");
            }
            Form::ProcMacro => {
                let library = "[lib]\nproc-macro = true\n";
                project.file("vendor/evil/Cargo.toml", manifest("evil", library));
                project.file(
                    "vendor/evil/src/lib.rs",
                    "#[path = \"../hostile/mod.rs\"]\nmod hostile;\n#[proc_macro]\n\
                     pub fn attack(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
                     hostile::run(|line| eprintln!(\"{line}\"));\n    Default::default()\n}\n",
                );
                project.file("src/main.rs", "evil::attack!();\nfn main() {}\n");
            }
        }
        fs::create_dir_all(project.path("target/attack")).unwrap();
    }

    /// Keys and memory that other processes of the user share.
    fn share_secrets(&mut self) {
        match system::add_key(&format!("present-{}", self.id), &self.needle("key-read")) {
            Ok(key) => self.key = Some(key),
            Err(e) => skip("key-read", &e.to_string()),
        }
        system::make_shared_memory(self.ipc[1], &self.needle("shared-memory-read")).unwrap();
    }

    fn prepare(&mut self, attack: &Attack) {
        let name = attack.name;
        match attack.judge {
            Judge::Victim if name == "rmdir" => fs::create_dir(self.victim(name)).unwrap(),
            Judge::Victim => {
                write(&self.victim(name), "as it was\n");
                if name.contains("removexattr") {
                    // The attack says it if the file system has no attributes.
                    let _ = system::set_attribute(&self.victim(name), c"user.present", "1");
                }
            }
            Judge::Needle if !self.secret(name).is_symlink() && !self.secret(name).exists() => {
                write(&self.secret(name), format!("{}\n", self.needle(name)));
            }
            Judge::HomeTouched(path) if !self.project.home(path).exists() => {
                write(&self.project.home(path), "as it was\n");
            }
            Judge::Word if name == "inotify-hidden" => write(&self.secret(name), ""),
            _ => {}
        }
        let alone = name == "list-processes" || name.starts_with("ancestor-");
        if attack.class == Class::Process && !alone {
            self.start(name);
        }
    }

    /// A process of the user: it leads a group, and has secrets in every pocket.
    fn start(&mut self, name: &'static str) {
        let needle = self.needle(name);
        let folder = self.project.home(format!("folders/{needle}"));
        fs::create_dir_all(&folder).unwrap();
        write(&self.secret(name), format!("{needle}\n"));
        let child = Command::new("sleep")
            .arg0(if name == "read-process-arguments" {
                &needle
            } else {
                "sleep"
            })
            .arg("600")
            .env_clear()
            .env("SECRET", &needle)
            .current_dir(folder)
            .process_group(0)
            .stdin(fs::File::open(self.secret(name)).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.processes.insert(name, (child, String::new()));
    }

    fn write_facts(&self) {
        let mut facts = String::new();
        let mut fact = |key: &str, value: &dyn std::fmt::Display| {
            writeln!(facts, "{key}={value}").unwrap();
        };
        fact("id", &self.id);
        fact("home", &self.project.home("").display());
        fact("host", &self.project.path("").display());
        fact("target", &self.project.path("target/attack").display());
        fact("stop", &self.stop().display());
        fact("port.tcp", &self.canary.tcp);
        fact("port.tcp6", &self.canary.tcp6);
        fact("port.udp", &self.canary.udp);
        fact("port.udp6", &self.canary.udp6);
        fact("port.listen", &self.canary.listen);
        fact("abstract", &self.id);
        fact("pid.harness", &std::process::id());
        for (name, (child, _)) in &self.processes {
            fact(&format!("pid.{name}"), &child.id());
        }
        for (name, path) in &self.elsewhere {
            fact(&format!("path.{name}"), &path.display());
        }
        let none = PathBuf::new();
        fact(
            "cgroup",
            &self.elsewhere("cgroup-make").unwrap_or(&none).display(),
        );
        for (name, number) in ["file", "folder", "secrets", "socket"]
            .iter()
            .zip(INHERITED)
        {
            fact(&format!("fd.{name}"), &number);
        }
        fact("key.id", &self.key.unwrap_or(0));
        fact("key.new", &format!("new-{}", self.id));
        fact("ipc.new", &self.ipc[0]);
        fact("ipc.present", &self.ipc[1]);
        fact("queue", &format!("/evil-{}", self.id));
        fact("terminal", &system::terminal_name(&self.terminal));
        let io_uring = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
        fact(
            "io_uring",
            if io_uring.is_ok_and(|s| s.trim() == "0") {
                &"on"
            } else {
                &"off"
            },
        );
        fact("one_processor", &one_processor());
        fact("block_device", &block_device());
        self.project.file("vendor/evil/world.txt", facts);
    }

    fn stop(&self) -> PathBuf {
        self.project.path("stop")
    }

    fn lock(&self) {
        self.project
            .plain()
            .args(["generate-lockfile", "--offline", "--quiet"])
            .success();
    }

    /// Somebody works on a hidden file, as one does in a home folder.
    fn touch_all_the_time(&self) {
        let (path, stopped) = (self.secret("inotify-hidden"), Arc::clone(&self.stopped));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && fs::write(&path, "x").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    }

    fn remember(&mut self, attack: &Attack) {
        let path = match attack.judge {
            Judge::Victim => self.victim(attack.name),
            Judge::HomeTouched(path) => self.project.home(path),
            Judge::Process => {
                let (child, before) = self.processes.get_mut(attack.name).unwrap();
                *before = process_state(child.id());
                return;
            }
            _ => return,
        };
        self.touched.insert(path.clone(), file_state(&path));
    }

    /// Did anything about this file change?
    pub(crate) fn is_touched(&self, path: &Path) -> bool {
        self.touched[path] != file_state(path)
    }

    pub(crate) fn is_process_changed(&self, name: &str) -> bool {
        let (child, before) = &self.processes[name];
        *before != process_state(child.id())
    }

    pub(crate) fn ipc_key(&self) -> i32 {
        self.ipc[0]
    }

    /// Runs the hostile build to its end.
    pub(crate) fn build(&self, mode: Mode) -> Build {
        let project = &self.project;
        let run = mode.cargo(project);
        let mut command = run.args(["build", "--offline"]).into_command();
        for (name, shape) in secrets::VARIABLES {
            let value = shape.replace('*', &self.needle(&format!("variable-{name}")));
            command.env(name, value);
        }
        let secret = fs::File::open(self.secret("read-inherited-file")).unwrap();
        let folder = fs::File::open(project.path("victims")).unwrap();
        let secrets = fs::File::open(project.home(".ssh/kept")).unwrap();
        let socket = std::net::TcpStream::connect(("127.0.0.1", self.canary.tcp)).unwrap();
        let open = [&secret, &folder, &secrets].map(AsRawFd::as_raw_fd);
        let open = open.into_iter().chain([socket.as_raw_fd()]);
        system::inherit(&mut command, open.zip(INHERITED).collect());
        system::set_terminal(&mut command, &self.terminal);
        // Files, not pipes: what outlives the build must not keep us waiting for its end.
        let (stdout, stderr) = (project.root().join("stdout"), project.root().join("stderr"));
        let status = command
            .stdin(self.terminal.try_clone().unwrap())
            .stdout(fs::File::create(&stdout).unwrap())
            .stderr(fs::File::create(&stderr).unwrap())
            .status()
            .unwrap();
        let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let output = read(stdout) + &read(stderr);
        let reports = output
            .lines()
            .filter_map(|line| line.split_once("ATTACK\t")?.1.split_once('\t'))
            .map(|(name, said)| (name.to_owned(), said.to_owned()))
            .collect();
        Build {
            succeeded: status.success(),
            output,
            reports,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = fs::write(self.stop(), "");
        for (child, _) in self.processes.values_mut() {
            system::kill_group(child.id());
            let _ = child.wait();
        }
        for pid in survivors(&self.id) {
            system::kill(pid);
        }
        for path in self.elsewhere.values() {
            let _ = fs::remove_file(path);
            let _ = fs::remove_dir(path);
        }
        if let Some(key) = self.key {
            system::remove_key(key);
        }
        for key in self.ipc {
            system::remove_shared_memory(key);
        }
        // The moving daemon looks for the stop file every few milliseconds.
        std::thread::sleep(Duration::from_millis(300));
    }
}
