//! A PostgreSQL of our own: made in a temporary folder, on a port of the loopback, gone with whoever made it.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Waits until whoever started it is gone, however that came about, and clears up.
const GUARD: &str =
    r#"cat >"/dev/null"; "$1/pg_ctl" -D "$2/data" -m immediate stop >"/dev/null" 2>&1; rm -rf "$2""#;

/// A server that runs until this is dropped, or the process ends.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    user: Option<&'static str>,
    port: u16,
    guard: Child,
}

/// The server that the tests of this process share; `None`, and a word about it, where there is no PostgreSQL.
pub(crate) fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).as_ref()
}

impl Cluster {
    /// Makes one and starts it; `None`, and a word about it, where there is no PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = binaries() else {
            // Past the test harness, which would keep it to itself.
            let _ =
                writeln!(std::io::stderr(), "SKIPPED: no PostgreSQL here (Debian: apt install postgresql)");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("stepwright-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let user = is_root().then_some("postgres");
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(user) = user {
            ran(Command::new("chown").arg(format!("{user}:")).arg(&folder));
        }
        let guard = command(user, Path::new("sh"))
            .args(["-c", GUARD, "guard"])
            .args([&bin, &folder])
            .stdin(Stdio::piped())
            // What ends the others, such as Ctrl-C, lets it clear up.
            .process_group(0)
            .spawn()
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { bin, folder, user, port, guard };
        let superuser = "--username=stepwright";
        let data = cluster.data();
        ran(cluster
            .command("initdb")
            .args([superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(data));
        cluster.configure(&format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 300\n",
            cluster.folder.display()
        ));
        cluster.control(&["start"]);
        Some(cluster)
    }

    /// A new database, and how to connect to it.
    pub(crate) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("db{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://stepwright@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL, and gives what it prints.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.command("psql");
        let address = format!("postgres://stepwright@127.0.0.1:{}/{database}", self.port);
        let output = psql.args(["-Atqc", sql, &address]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().into()
    }

    /// Adds to the configuration, for the next start.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// Puts a file where only the server may read it.
    pub(crate) fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.data().join(name);
        std::fs::write(&path, text).unwrap();
        ran(Command::new("chmod").arg("600").arg(&path));
        if let Some(user) = self.user {
            ran(Command::new("chown").arg(user).arg(&path));
        }
        path
    }

    /// Stops the server as a power failure would, and starts it again.
    pub(crate) fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
        self.control(&["start"]);
    }

    /// Starts the server again, with what was configured.
    pub(crate) fn restart(&self) {
        self.control(&["-m", "fast", "restart"]);
    }

    fn control(&self, what: &[&str]) {
        let log = self.folder.join("log");
        ran(self
            .command("pg_ctl")
            .args(["-w", "-s", "-t", "60", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(log)
            .args(what));
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        command(self.user, &self.bin.join(program))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The newest of Debian's, or those of the path.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    found.sort_by_key(|bin| {
        bin.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok())
    });
    found.reverse();
    found.extend(std::env::split_paths(&path));
    found.into_iter().find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

/// The server refuses to be root.
fn command(user: Option<&str>, program: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/").env_remove("PGDATA").env_remove("PGPORT").env_remove("PGHOST");
    command
}

fn ran(command: &mut Command) {
    // What a server inherits it keeps open: nobody waits for the end of that.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}
