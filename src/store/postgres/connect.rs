//! How to reach the database: the connection string, TLS, and how many connections.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresError;
use super::{PostgresStore, schema};

/// How long to wait for a connection, unless the connection string says so.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the network may swallow what was sent, unless the connection string says so.
const SILENCE: Duration = Duration::from_secs(30);

/// How to reach a database; made by [`PostgresStore::options`].
///
/// ```no_run
/// use stepwright::store::PostgresStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::options("postgres://orders@db.internal/orders?sslmode=require")
///     .root_certificates(std::fs::read("/etc/orders/db-ca.pem")?)
///     .schema("orders_flow")
///     .connections(16)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until they are used to connect"]
pub struct PostgresOptions {
    url: String,
    schema: String,
    connections: usize,
    roots: Vec<Vec<u8>>,
}

/// What makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl PostgresOptions {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), schema: "stepwright".into(), connections: 8, roots: Vec::new() }
    }

    /// The schema that holds the tables: `stepwright`, unless told otherwise. It is created if need be.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// How many connections to keep for work, beside the one that listens: 8, unless told otherwise.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(2);
        self
    }

    /// Trusts servers whose certificates descend from these, in PEM, and no others; without it, from those that
    /// the machine trusts.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Opens the store, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// See [`PostgresError`].
    pub async fn connect(self) -> Result<PostgresStore, PostgresError> {
        let mut config: Config = self.url.parse().map_err(|error| PostgresError::Url(Box::new(error)))?;
        // Who is frozen in the middle of a transaction keeps nothing locked for ever.
        let defaults = format!(
            "-c search_path={} -c plan_cache_mode=force_generic_plan -c idle_in_transaction_session_timeout=10s",
            self.search_path()
        );
        config.options(match config.get_options() {
            Some(theirs) => format!("{defaults} {theirs}"),
            None => defaults,
        });
        if config.get_application_name().is_none() {
            config.application_name("stepwright");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        let connector = Connector { config, tls: MakeRustlsConnect::new(self.trust()?) };

        let (mut client, connection) = connector.config.connect(connector.tls.clone()).await?;
        let connection = tokio::spawn(connection);
        schema::migrate(&mut client, &self.schema).await?;
        drop(client);
        connection.abort();

        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(connector.config.clone(), connector.tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(self.connections)
            // One that was just used knows its statements, and its server has them at hand.
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("it has no timeouts");
        Ok(PostgresStore::new(pool, connector, self.connections))
    }

    /// The schema as an option's value within the options of a connection.
    fn search_path(&self) -> String {
        schema::quote(&self.schema).replace('\\', "\\\\").replace(' ', "\\ ")
    }

    fn trust(&self) -> Result<ClientConfig, PostgresError> {
        let refused = |error: Box<dyn std::error::Error + Send + Sync>| PostgresError::Certificate(error);
        let mut roots = RootCertStore::empty();
        if self.roots.is_empty() {
            // One that cannot be read is not trusted, and the connection says so if it was the one.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for pem in &self.roots {
            let mut any = false;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots
                    .add(certificate.map_err(|error| refused(error.into()))?)
                    .map_err(|error| refused(error.into()))?;
                any = true;
            }
            if !any {
                return Err(refused("there is no certificate in it".into()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3");
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}
