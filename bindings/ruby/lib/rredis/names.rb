# frozen_string_literal: true

module Rredis
  # The enumerators of rredis.h, as symbols: without RREDIS_ and the name of their enum, in lower case.
  module Names
    STATUSES = {
      argument: 1, state: 2, again: 3, config: 4, unsupported: 5, connect: 10, io: 11, timeout: 12, busy: 13,
      woken: 14, forked: 15, tls: 16, protocol: 20, limit: 21, auth: 30, server: 31, watch: 32, aborted: 33,
      callback: 80, panic: 90, memory: 91
    }.freeze

    OUTCOMES = {
      none: 0, not_sent: 1, refused: 2, unknown: 3, ran: 4
    }.freeze

    OPTIONS = {
      host: 1, port: 2, unix_path: 3, username: 4, password: 5, database: 6, protocol: 7, client_name: 8,
      library_name: 9, topology: 10, seeds: 11, sentinel_service: 12, sentinel_username: 13,
      sentinel_password: 14, sentinel_tls: 15, read_from: 16, zone: 17, address_map: 18, split: 19,
      pool_max: 20, pool_wait: 21, pool_idle_min: 22, pool_idle: 23, pool_age: 24, share: 25,
      inflight_max: 26, inflight_bytes_max: 27, connect_timeout: 30, command_timeout: 31, keepalive: 32,
      health_check: 33, user_timeout: 34, block_slack: 35, topology_age: 36, retry_max: 40, backoff: 41,
      backoff_max: 42, retry_budget_percent: 43, failover_wait: 44, shape: 50, parser: 51,
      reply_bytes_max: 60, reply_depth_max: 61, reply_nodes_max: 62, reply_line_max: 63, push_bytes_max: 64,
      tls: 70, tls_ca_file: 71, tls_ca_dir: 72, tls_ca_pem: 73, tls_cert_file: 74, tls_cert_pem: 75,
      tls_key_file: 76, tls_key_pem: 77, tls_server_name: 78, tls_version_min: 79,
      tls_insecure_skip_verify: 80, pubsub_confirmations: 90
    }.freeze

    # The options that are times: seconds in Ruby.
    TIMES = %i[
      pool_wait pool_idle pool_age connect_timeout command_timeout keepalive health_check user_timeout
      block_slack topology_age backoff backoff_max failover_wait
    ].freeze

    STATS = {
      connections: 0, connections_in_use: 1, connections_idle: 2, connections_created: 3, connections_lost: 4,
      connections_closed: 5, waiting: 10, waits: 11, waits_timed_out: 12, commands: 20, retries: 21,
      timeouts: 22, unknown: 23, rides: 24, batches: 25, bytes_in: 30, bytes_out: 31, errors_caller: 40,
      errors_network: 41, errors_protocol: 42, errors_server: 43, errors_callback: 44, errors_internal: 45,
      servers: 50, moved: 51, asked: 52, refreshes: 53, failovers: 54, shards_down: 55, scouts: 56
    }.freeze

    CALLS = {
      raw: 1, idempotent: 2, no_retry: 4, error_reply: 16, alone: 32, primary: 64
    }.freeze

    # The flag of a command that others follow: for transmit_later alone.
    MORE = 512

    TOPICS = {
      channel: 0, pattern: 1, shard: 2
    }.freeze

    TARGETS = {
      server: 0, key: 1
    }.freeze

    # The values of the options that are enumerators.
    VALUES = {
      topology: { single: 0, cluster: 1, sentinel: 2 },
      read_from: { primary: 0, prefer_replica: 1, replica: 2, any: 3, zone: 4 },
      shape: { canonical: 0, raw: 1 },
      share: { never: 0, busy: 1, always: 2 },
      parser: { auto: 0, fast: 1, simple: 2 },
    }.freeze
  end
end
