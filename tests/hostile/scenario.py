"""A host project with a hostile native-library package, and what that package achieved.

Each scenario has a folder of its own with a throw-away home, so that the runs without a sandbox,
which show that every action works, harm nobody.
"""

import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
LINUX = sys.platform == "linux"


class Canary:
    """Listens where the package calls home: TCP and UDP on one port, and a unix socket."""

    def __init__(self, path):
        self.heard = []
        for _ in range(20):
            tcp = socket.create_server(("127.0.0.1", 0))
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
                break
            except OSError:
                tcp.close()
        self.port = tcp.getsockname()[1]
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Below its folder's name: a socket's path has room for 107 bytes only.
        before = os.getcwd()
        os.chdir(path.parent)
        unix.bind(path.name)
        os.chdir(before)
        unix.listen()
        self.sockets = [tcp, udp, unix]
        for listener in (tcp, unix):
            threading.Thread(target=self.accept, args=[listener], daemon=True).start()
        threading.Thread(target=self.receive, args=[udp], daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    # A message may come in pieces, as its writer formats it.
                    with connection.makefile("rb") as pieces:
                        self.heard.append(pieces.readline(100).decode())
                except OSError:
                    pass

    def receive(self, udp):
        while True:
            try:
                self.heard.append(udp.recv(100).decode())
            except OSError:
                return

    def close(self):
        for one in self.sockets:
            one.close()


class Scenario:
    def __init__(self, root, name, exempt=False):
        self.name = name
        self.nonce = f"evil-{secrets.token_hex(8)}"
        self.folder = root / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        self.host = self.home / "work" / "app"
        self.package = self.host / "node_modules" / "@evil" / "sum"
        self.crate = self.package / "native"
        shutil.copytree(HERE / "host", self.host)
        shutil.copytree(HERE / "package", self.package)
        if exempt:
            manifest = self.host / "package.json"
            text = manifest.read_text()
            at = '"perry": {'
            manifest.write_text(text.replace(at, f'{at}\n    "allowUnsandboxedBuild": ["@evil/sum"],'))

        secret = {
            ".ssh/id_ed25519": "key",
            ".cargo/credentials.toml": "credentials",
            "work/other/notes.txt": "sibling",
            "work/app/.env": "dotenv",
        }
        for file, word in secret.items():
            path = self.home / file
            path.parent.mkdir(parents=True, exist_ok=True)
            # Valid as TOML, where cargo reads it.
            path.write_text(f"# {word}-{self.nonce}\n")
            path.chmod(0o600)
        (self.home / ".bashrc").write_text("# the user's own\n")
        subprocess.run(["git", "init", "--quiet", self.host], check=True)

        self.canary = Canary(self.home / "agent.sock")
        self.victim = subprocess.Popen(
            ["sleep", "600"], env={**os.environ, "PASSWORD": f"process-{self.nonce}"}
        )
        (self.crate / "target.txt").write_text(
            f"{self.canary.port} {self.victim.pid} {self.nonce}\n"
        )

    def environment(self, shim, **more):
        env = dict(os.environ)
        # Where the real user's toolchain is, before the home changes.
        env.setdefault("RUSTUP_HOME", os.path.join(os.path.expanduser("~"), ".rustup"))
        for name in ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "PERRY_SANDBOX_BUILDRS"):
            env.pop(name, None)
        env["HOME"] = str(self.home)
        env["CARGO_HOME"] = str(self.home / ".cargo")
        env["NPM_TOKEN"] = f"token-{self.nonce}"
        if shim:
            env["PATH"] = f"{REPOSITORY / 'shim'}:{env['PATH']}"
        env.update(more)
        return env

    def build(self, command, env):
        """Runs a build and returns its output and what the package achieved by it."""
        before = {path: path.read_bytes() for path in self.tracked() if path.is_file()}
        done = subprocess.run(
            command, cwd=self.host, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        print(f"--- {self.name}: {' '.join(map(str, command))}\n{done.stdout}", end="", flush=True)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: exit status {done.returncode}")
        return done.stdout, self.achieved(before)

    def tracked(self):
        return [
            self.home / ".bashrc", self.host / "main.ts", self.host / "package.json",
            self.crate / "src/lib.rs",
        ]

    def achieved(self, before):
        actions = {}
        for path in self.tracked():
            actions[f"change {path.relative_to(self.home)}"] = path.read_bytes() != before[path]
        for file in (
            ".ssh/authorized_keys", ".cargo/config.toml", ".cargo/bin/rustfmt",
            ".cache/perry/libs/libperry_runtime.a", ".config/systemd/user/evil.service",
            "work/app/.git/hooks/pre-commit", "work/app/.perry-cache/objects/evil.o",
            "work/app/node_modules/.cache/perry/evil.o", "work/app/node_modules/other/index.ts",
            "work/app/.vscode/tasks.json",
        ):
            actions[f"create {file}"] = self.marked(self.home / file)
        actions["create a file in /tmp"] = pathlib.Path("/tmp", self.nonce).exists()
        objects = list((self.host / ".perry-cache/objects/host").glob("*"))
        if objects:
            actions["change .perry-cache/objects/host"] = any(map(self.marked, objects))
        mode = (self.home / ".ssh/id_ed25519").stat().st_mode & 0o777
        actions["chmod .ssh/id_ed25519"] = mode != 0o600

        loot = [path.read_text() for path in self.crate.glob("target/**/out/loot")]
        if len(loot) != 1:
            raise AssertionError(f"{self.name}: the build script ran {len(loot)} times, not once")
        words = ["key", "credentials", "sibling", "dotenv", "token"] + ["process"] * LINUX
        for word in words:
            actions[f"read {word}"] = f"{word}-{self.nonce}" in loot[0]

        for kind in ("tcp", "udp", "unix"):
            actions[f"reach {kind}"] = f"{kind} {self.nonce}\n" in self.canary.heard
        actions["kill a process"] = self.victim.poll() is not None
        if LINUX:
            # Seatbelt has no way to end what a build left behind.
            actions["leave a daemon"] = self.daemon() is not None
        return actions

    def marked(self, path):
        return path.is_file() and self.nonce.encode() in path.read_bytes()

    def daemon(self):
        """The process id of the package's daemon, if it is there and stays."""
        for _ in range(4):
            lines = subprocess.run(
                ["ps", "-Ao", "pid=,args="], capture_output=True, text=True, check=True
            ).stdout.splitlines()
            found = [line.split()[0] for line in lines if "do sleep 1" in line and self.nonce in line]
            if not found:
                return None
            # A process that is being killed may be listed once more.
            time.sleep(0.25)
        return int(found[0])

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.canary.close()
        self.victim.kill()
        self.victim.wait()
        daemon = self.daemon()
        if daemon:
            os.kill(daemon, 9)
        pathlib.Path("/tmp", self.nonce).unlink(missing_ok=True)
        if failure is None:
            # Perry unpacks its libraries, hundreds of megabytes, into every home.
            shutil.rmtree(self.folder)


def table(columns):
    """Prints actions against scenarios: `x` is achieved, `.` is not."""
    names = list(columns)
    actions = list(dict.fromkeys(action for column in columns.values() for action in column))
    width = max(map(len, actions))
    print(f"{'':{width}}  {'  '.join(names)}")
    for action in actions:
        cells = (("x" if columns[name].get(action) else ".").ljust(len(name)) for name in names)
        print(f"{action:{width}}  {'  '.join(cells)}".rstrip())


def verdict(label, columns, achieving):
    """Every action must succeed in the scenarios named, and none in the others."""
    wrong = [
        f"{name}: {action} was {'not ' * (not done)}achieved"
        for name, actions in columns.items()
        for action, done in actions.items()
        if done != (name in achieving)
    ]
    table(columns)
    checks = sum(map(len, columns.values()))
    for line in wrong:
        print(f"{label}: {line}")
    result = "FAILED" if wrong else "ok"
    print(f"test result: {result}. {checks - len(wrong)} passed; {len(wrong)} failed; 0 ignored;")
    return 1 if wrong else 0


def conclude(label, main):
    """Exits with the result of `main`, whose failures are test failures."""
    try:
        sys.exit(main())
    except (AssertionError, OSError, subprocess.CalledProcessError) as error:
        print(f"{label}: {error}")
        print("test result: FAILED. 0 passed; 1 failed; 0 ignored;")
        sys.exit(1)


def work_folder(name):
    target = os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target"
    folder = pathlib.Path(target).resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
