package rredis

// #include <rredis.h>
import "C"

// The enumerators of rredis.h, which says what each means. A name here is the one there without RREDIS_, in Go's case; an
// option has no _MS, because its value is a time.Duration.

// Status says why a call failed. It is an error itself, so that errors.Is(err, rredis.ErrTimeout) asks for it.
type Status int32

const (
	ErrArgument    Status = C.RREDIS_ERR_ARGUMENT
	ErrState       Status = C.RREDIS_ERR_STATE
	ErrAgain       Status = C.RREDIS_ERR_AGAIN
	ErrConfig      Status = C.RREDIS_ERR_CONFIG
	ErrUnsupported Status = C.RREDIS_ERR_UNSUPPORTED
	ErrConnect     Status = C.RREDIS_ERR_CONNECT
	ErrIO          Status = C.RREDIS_ERR_IO
	ErrTimeout     Status = C.RREDIS_ERR_TIMEOUT
	ErrBusy        Status = C.RREDIS_ERR_BUSY
	ErrWoken       Status = C.RREDIS_ERR_WOKEN
	ErrForked      Status = C.RREDIS_ERR_FORKED
	ErrTLS         Status = C.RREDIS_ERR_TLS
	ErrProtocol    Status = C.RREDIS_ERR_PROTOCOL
	ErrLimit       Status = C.RREDIS_ERR_LIMIT
	ErrAuth        Status = C.RREDIS_ERR_AUTH
	ErrServer      Status = C.RREDIS_ERR_SERVER
	ErrWatch       Status = C.RREDIS_ERR_WATCH
	ErrAborted     Status = C.RREDIS_ERR_ABORTED
	ErrCallback    Status = C.RREDIS_ERR_CALLBACK
	ErrPanic       Status = C.RREDIS_ERR_PANIC
	ErrMemory      Status = C.RREDIS_ERR_MEMORY
)

// Outcome says whether the command of a failed call ran.
type Outcome int32

const (
	OutcomeNone    Outcome = C.RREDIS_OUTCOME_NONE
	OutcomeNotSent Outcome = C.RREDIS_OUTCOME_NOT_SENT
	OutcomeRefused Outcome = C.RREDIS_OUTCOME_REFUSED
	OutcomeUnknown Outcome = C.RREDIS_OUTCOME_UNKNOWN
	OutcomeRan     Outcome = C.RREDIS_OUTCOME_RAN
)

// Option is the name of an option, for Set.
type Option int32

const (
	OptionHost                  Option = C.RREDIS_OPTION_HOST
	OptionPort                  Option = C.RREDIS_OPTION_PORT
	OptionUnixPath              Option = C.RREDIS_OPTION_UNIX_PATH
	OptionUsername              Option = C.RREDIS_OPTION_USERNAME
	OptionPassword              Option = C.RREDIS_OPTION_PASSWORD
	OptionDatabase              Option = C.RREDIS_OPTION_DATABASE
	OptionProtocol              Option = C.RREDIS_OPTION_PROTOCOL
	OptionClientName            Option = C.RREDIS_OPTION_CLIENT_NAME
	OptionLibraryName           Option = C.RREDIS_OPTION_LIBRARY_NAME
	OptionTopology              Option = C.RREDIS_OPTION_TOPOLOGY
	OptionSeeds                 Option = C.RREDIS_OPTION_SEEDS
	OptionSentinelService       Option = C.RREDIS_OPTION_SENTINEL_SERVICE
	OptionSentinelUsername      Option = C.RREDIS_OPTION_SENTINEL_USERNAME
	OptionSentinelPassword      Option = C.RREDIS_OPTION_SENTINEL_PASSWORD
	OptionSentinelTLS           Option = C.RREDIS_OPTION_SENTINEL_TLS
	OptionReadFrom              Option = C.RREDIS_OPTION_READ_FROM
	OptionZone                  Option = C.RREDIS_OPTION_ZONE
	OptionAddressMap            Option = C.RREDIS_OPTION_ADDRESS_MAP
	OptionSplit                 Option = C.RREDIS_OPTION_SPLIT
	OptionPoolMax               Option = C.RREDIS_OPTION_POOL_MAX
	OptionPoolWait              Option = C.RREDIS_OPTION_POOL_WAIT_MS
	OptionPoolIdleMin           Option = C.RREDIS_OPTION_POOL_IDLE_MIN
	OptionPoolIdle              Option = C.RREDIS_OPTION_POOL_IDLE_MS
	OptionPoolAge               Option = C.RREDIS_OPTION_POOL_AGE_MS
	OptionShare                 Option = C.RREDIS_OPTION_SHARE
	OptionInflightMax           Option = C.RREDIS_OPTION_INFLIGHT_MAX
	OptionInflightBytesMax      Option = C.RREDIS_OPTION_INFLIGHT_BYTES_MAX
	OptionConnectTimeout        Option = C.RREDIS_OPTION_CONNECT_TIMEOUT_MS
	OptionCommandTimeout        Option = C.RREDIS_OPTION_COMMAND_TIMEOUT_MS
	OptionKeepalive             Option = C.RREDIS_OPTION_KEEPALIVE_MS
	OptionHealthCheck           Option = C.RREDIS_OPTION_HEALTH_CHECK_MS
	OptionUserTimeout           Option = C.RREDIS_OPTION_USER_TIMEOUT_MS
	OptionBlockSlack            Option = C.RREDIS_OPTION_BLOCK_SLACK_MS
	OptionTopologyAge           Option = C.RREDIS_OPTION_TOPOLOGY_AGE_MS
	OptionRetryMax              Option = C.RREDIS_OPTION_RETRY_MAX
	OptionBackoff               Option = C.RREDIS_OPTION_BACKOFF_MS
	OptionBackoffMax            Option = C.RREDIS_OPTION_BACKOFF_MS_MAX
	OptionRetryBudgetPercent    Option = C.RREDIS_OPTION_RETRY_BUDGET_PERCENT
	OptionFailoverWait          Option = C.RREDIS_OPTION_FAILOVER_WAIT_MS
	OptionShape                 Option = C.RREDIS_OPTION_SHAPE
	OptionParser                Option = C.RREDIS_OPTION_PARSER
	OptionReplyBytesMax         Option = C.RREDIS_OPTION_REPLY_BYTES_MAX
	OptionReplyDepthMax         Option = C.RREDIS_OPTION_REPLY_DEPTH_MAX
	OptionReplyNodesMax         Option = C.RREDIS_OPTION_REPLY_NODES_MAX
	OptionReplyLineMax          Option = C.RREDIS_OPTION_REPLY_LINE_MAX
	OptionPushBytesMax          Option = C.RREDIS_OPTION_PUSH_BYTES_MAX
	OptionTLS                   Option = C.RREDIS_OPTION_TLS
	OptionTLSCAFile             Option = C.RREDIS_OPTION_TLS_CA_FILE
	OptionTLSCADir              Option = C.RREDIS_OPTION_TLS_CA_DIR
	OptionTLSCAPEM              Option = C.RREDIS_OPTION_TLS_CA_PEM
	OptionTLSCertFile           Option = C.RREDIS_OPTION_TLS_CERT_FILE
	OptionTLSCertPEM            Option = C.RREDIS_OPTION_TLS_CERT_PEM
	OptionTLSKeyFile            Option = C.RREDIS_OPTION_TLS_KEY_FILE
	OptionTLSKeyPEM             Option = C.RREDIS_OPTION_TLS_KEY_PEM
	OptionTLSServerName         Option = C.RREDIS_OPTION_TLS_SERVER_NAME
	OptionTLSVersionMin         Option = C.RREDIS_OPTION_TLS_VERSION_MIN
	OptionTLSInsecureSkipVerify Option = C.RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY
	OptionPubsubConfirmations   Option = C.RREDIS_OPTION_PUBSUB_CONFIRMATIONS
)

// Stat is the name of a statistic.
type Stat int32

const (
	StatConnections        Stat = C.RREDIS_STAT_CONNECTIONS
	StatConnectionsInUse   Stat = C.RREDIS_STAT_CONNECTIONS_IN_USE
	StatConnectionsIdle    Stat = C.RREDIS_STAT_CONNECTIONS_IDLE
	StatConnectionsCreated Stat = C.RREDIS_STAT_CONNECTIONS_CREATED
	StatConnectionsLost    Stat = C.RREDIS_STAT_CONNECTIONS_LOST
	StatConnectionsClosed  Stat = C.RREDIS_STAT_CONNECTIONS_CLOSED
	StatWaiting            Stat = C.RREDIS_STAT_WAITING
	StatWaits              Stat = C.RREDIS_STAT_WAITS
	StatWaitsTimedOut      Stat = C.RREDIS_STAT_WAITS_TIMED_OUT
	StatCommands           Stat = C.RREDIS_STAT_COMMANDS
	StatRetries            Stat = C.RREDIS_STAT_RETRIES
	StatTimeouts           Stat = C.RREDIS_STAT_TIMEOUTS
	StatUnknown            Stat = C.RREDIS_STAT_UNKNOWN
	StatRides              Stat = C.RREDIS_STAT_RIDES
	StatBatches            Stat = C.RREDIS_STAT_BATCHES
	StatBytesIn            Stat = C.RREDIS_STAT_BYTES_IN
	StatBytesOut           Stat = C.RREDIS_STAT_BYTES_OUT
	StatErrorsCaller       Stat = C.RREDIS_STAT_ERRORS_CALLER
	StatErrorsNetwork      Stat = C.RREDIS_STAT_ERRORS_NETWORK
	StatErrorsProtocol     Stat = C.RREDIS_STAT_ERRORS_PROTOCOL
	StatErrorsServer       Stat = C.RREDIS_STAT_ERRORS_SERVER
	StatErrorsCallback     Stat = C.RREDIS_STAT_ERRORS_CALLBACK
	StatErrorsInternal     Stat = C.RREDIS_STAT_ERRORS_INTERNAL
	StatServers            Stat = C.RREDIS_STAT_SERVERS
	StatMoved              Stat = C.RREDIS_STAT_MOVED
	StatAsked              Stat = C.RREDIS_STAT_ASKED
	StatRefreshes          Stat = C.RREDIS_STAT_REFRESHES
	StatFailovers          Stat = C.RREDIS_STAT_FAILOVERS
	StatShardsDown         Stat = C.RREDIS_STAT_SHARDS_DOWN
	StatScouts             Stat = C.RREDIS_STAT_SCOUTS
)

// Topic is what a subscription is for.
type Topic int32

const (
	TopicChannel Topic = C.RREDIS_TOPIC_CHANNEL
	TopicPattern Topic = C.RREDIS_TOPIC_PATTERN
	TopicShard   Topic = C.RREDIS_TOPIC_SHARD
)

// Flags are the flags of one call, to be or-ed.
type Flags uint32

const (
	CallRaw        Flags = C.RREDIS_CALL_RAW
	CallIdempotent Flags = C.RREDIS_CALL_IDEMPOTENT
	CallNoRetry    Flags = C.RREDIS_CALL_NO_RETRY
	CallErrorReply Flags = C.RREDIS_CALL_ERROR_REPLY
	CallAlone      Flags = C.RREDIS_CALL_ALONE
	CallPrimary    Flags = C.RREDIS_CALL_PRIMARY
)

// Target is which server of a client's is meant.
type Target int32

const (
	TargetServer Target = C.RREDIS_TARGET_SERVER
	TargetKey    Target = C.RREDIS_TARGET_KEY
)

// The values of the options that are enumerators.
const (
	TopologySingle    = C.RREDIS_TOPOLOGY_SINGLE
	TopologyCluster   = C.RREDIS_TOPOLOGY_CLUSTER
	TopologySentinel  = C.RREDIS_TOPOLOGY_SENTINEL
	ReadPrimary       = C.RREDIS_READ_PRIMARY
	ReadPreferReplica = C.RREDIS_READ_PREFER_REPLICA
	ReadReplica       = C.RREDIS_READ_REPLICA
	ReadAny           = C.RREDIS_READ_ANY
	ReadZone          = C.RREDIS_READ_ZONE
	ShapeCanonical    = C.RREDIS_SHAPE_CANONICAL
	ShapeRaw          = C.RREDIS_SHAPE_RAW
	ShareNever        = C.RREDIS_SHARE_NEVER
	ShareBusy         = C.RREDIS_SHARE_BUSY
	ShareAlways       = C.RREDIS_SHARE_ALWAYS
	ParserAuto        = C.RREDIS_PARSER_AUTO
	ParserFast        = C.RREDIS_PARSER_FAST
	ParserSimple      = C.RREDIS_PARSER_SIMPLE
)
