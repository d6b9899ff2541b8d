//! The alternative to a refused command, under the names that a caller of the C interface knows.

use crate::error::Instead;

/// The words that stand behind a refusal.
pub(crate) fn words(instead: Instead) -> &'static str {
    match instead {
        Instead::Subscriber => "use an rredis_pubsub",
        Instead::Transaction => {
            "a run of an rredis_pipeline in mode RREDIS_PIPELINE_ATOMIC says MULTI and EXEC by itself"
        }
        Instead::Watch => "rredis_pipeline_watch watches keys, until a run of mode RREDIS_PIPELINE_ATOMIC",
        Instead::Clear => {
            "an rredis_pipeline sends nothing before its run, and rredis_pipeline_clear forgets commands and watched keys"
        }
        Instead::Atomic => "run in mode RREDIS_PIPELINE_ATOMIC, or clear first",
        Instead::Database => "use the option database, or an rredis_conn",
        Instead::Login => "use the options username and password, or an rredis_conn",
        Instead::Greeting => "use the options protocol, username, password and client_name, or an rredis_conn",
        Instead::ClientName => "use the option client_name, or an rredis_conn",
        Instead::LibraryName => "use the option library_name, or an rredis_conn",
        Instead::Free => "the _free of a handle closes its connections",
        Instead::Connection => "use an rredis_conn",
        Instead::EachServer => {
            "rredis_client_command asks each of them, and rredis_client_new_at makes a client of one"
        }
        Instead::OneServer => "rredis_client_new_at makes a client of one server",
        Instead::Split => "rredis_client_command sends it in parts with RREDIS_OPTION_SPLIT",
        Instead::Nothing => "no handle speaks the protocol of replicas",
    }
}
