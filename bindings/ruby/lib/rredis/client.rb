# frozen_string_literal: true

module Rredis
  # Sends commands, from any number of threads at once:
  #
  #   redis = Rredis.new('redis://127.0.0.1:6379', pool_max: 16, command_timeout: 2)
  #   redis.set('key', 'value', ex: 60)
  #   redis.get('key')
  #
  # Every command is a method. One of two words is config_get; call('CONFIG', 'GET', ...) takes the words as they are.
  class Client
    # A thread's own client of the library's, and room for what its calls say. busy: 1 during a call of the shortest way. last: it is
    # to be freed when it is not in use. users: how many blocks use it. pipelines: all of it. idle: those that are not in use, by
    # the callbacks that they read for. wakes: what ends the calls under way. whole: one element until it is freed. kept: what C
    # points at.
    Slot = Struct.new(:client, :err, :busy, :last, :users, :pipelines, :idle, :wakes, :whole, :kept)

    include Commands

    def initialize(url = nil, shared: nil, at: nil, **settings)
      @callbacks = {}
      @slots = {}.compare_by_identity
      @mutex = Mutex.new
      @state = { slots: @slots }
      shared ? share(shared, at, settings) : own(url, settings)
      ObjectSpace.define_finalizer(self, self.class.finalizer(@state))
    end

    # Run a command, and give its reply. A keyword is an option of the command, in any case: ex: 60, nx: true.
    def call(*arguments, **options)
      execute(NO_OTHER_WAY, arguments, options)
    end

    # Run a command in another way: how may have timeout: seconds, raw: true, idempotent: true, no_retry: true,
    # error_reply: true, alone: true and primary: true.
    def call_with(how, *arguments, **options) = execute(how, arguments, options)

    # Set the response callback of a command for this client: the block is given the command and the reply as the server
    # sent it, and gives the reply in its place. Without a block the built-in callback is restored. What the block raises is
    # raised by the call.
    def on_response(command, &block)
      @mutex.synchronize do
        callbacks = @callbacks.dup
        block ? callbacks[command.upcase] = block : callbacks.delete(command.upcase)
        @callbacks = callbacks
      end
    end

    def pipeline = Pipeline.new(self)

    # Queue commands in the block, and run them in one burst: the replies in order. With atomic: true as a transaction.
    def pipelined(atomic: false, **how)
      pipeline = Pipeline.new(self)
      yield pipeline
      pipeline.run(atomic: atomic, **how)
    end

    # Run the block's commands between MULTI and EXEC: all of them or none.
    def multi(**how, &block) = pipelined(atomic: true, **how, &block)

    # Watch keys, and give a Transaction to the block, which reads with its commands and queues with queue. If a key is changed
    # meanwhile all this is repeated, for timeout seconds at most. What the block raises gives the transaction up.
    def transact(*keys, timeout: nil, &block) = Transaction.run(self, keys.flatten, timeout, &block)

    def subscriber = Subscriber.new(self)
    def script(text) = Script.new(text, self)

    # Lease a connection for commands that change it: SELECT, MONITOR, CLIENT REPLY. With a block it is given back after it.
    def connection
      connection = Connection.new(self)
      return connection unless block_given?

      begin
        yield connection
      ensure
        connection.close
      end
    end

    # A client all of whose commands go to the server of an endpoint, or to whichever has a key's slot: at(key: 'user:1').
    def at(server: nil, key: nil)
      raise Failing.new(:argument, 'at takes either server: or key:') unless server.nil? ^ key.nil?

      Client.new(shared: self, at: server ? [Names::TARGETS[:server], server] : [Names::TARGETS[:key], key])
    end

    # A client with options of its own that shares the connections of this one.
    def with(**settings) = Client.new(shared: self, **settings)

    # Which servers there are, as known.
    def servers
      with_reply(nil, nil) { |slot, out, err| C.client_servers(slot.client, out, err) }
    end

    # Read a statistic of all threads together, or -1 where it is unknown or not kept.
    def stat(name)
      check_open
      @pool.use { |pool| C.pool_stat(pool, Names::STATS.fetch(name)) }
    end

    # Open connections until so many are idle.
    def warm(count)
      check_open
      # Nothing ends a connect of a pool: whoever is to do something else leaves it to itself.
      Aside.run(nil) do
        err = "\0" * 256
        @pool.use { |pool| check C.pool_warm(pool, count, err), err }
      end
    end

    def inspect = "#<Rredis::Client #{@url}>"
    alias to_s inspect

    # End the calls under way, with WokenError, and free the client. What was made from it is still of use. In a function that one of
    # its calls runs, that call goes on, and the client is freed after it.
    def close
      return if @closed

      @closed = true
      slots = @mutex.synchronize { @slots.to_a.tap { @slots.clear } }
      mine = Aside.callers
      slots.each { |thread, slot| Client.release(slot, waits: thread.alive? && !mine.include?(thread), used: mine.include?(thread)) }
      @pool.close unless @shared
      ObjectSpace.undefine_finalizer(self)
    end

    # :nodoc: The rest is for the other classes of the package.

    attr_reader :state, :pool, :url, :settings, :callbacks, :aside, :closed

    def self.finalizer(state) = proc { state[:slots].each_value { |slot| free(slot) } }

    # Wake the calls of a thread that waits in them until they are over, and free its slot, or leave it to whoever uses it.
    # A slot of a thread that is no more is free: the calls that a parent's thread was in at fork never end in the child.
    def self.release(slot, waits:, used:)
      while waits && (slot.busy.positive? || !slot.wakes.empty?)
        C.client_wake(slot.client, 0)
        slot.wakes.dup.each(&:call)
        sleep 0.001
      end
      return free(slot) unless waits || used

      slot.last = true
      free_last(slot)
    end

    # Free a slot that nobody uses any more, if it is the last of its client.
    def self.free_last(slot)
      free(slot) if slot.last && slot.busy.zero? && slot.users.zero?
    end

    def self.free(slot)
      return unless slot.whole.pop

      slot.pipelines.each { |pipeline| C.pipeline_free(pipeline) }
      C.client_free(slot.client)
    end

    # Give this thread's slot, a place for a reply and one for an error to the block, which gives a status; then the reply.
    def with_reply(callback, texts)
      out = "\0" * 8
      use do |slot, err|
        waiting(slot, -> { C.client_wake(slot.client, 0) }) { check yield(slot, out, err), err }
        reply = out.unpack1('J')
        shown(callback, texts, reply)
      ensure
        reply = out.unpack1('J')
        C.reply_free(reply) unless reply.zero?
      end
    end

    def run_command(arguments, options) = execute(NO_OTHER_WAY, arguments, options)

    NO_OTHER_WAY = {}.freeze
    private_constant :NO_OTHER_WAY

    # The way of nearly every call: with_reply without its blocks.
    def execute(how, arguments, options)
      texts = Arguments.texts(arguments, options)
      return execute_otherwise(how, texts) if @aside || !how.empty? || !@callbacks.empty?

      pointers, lengths = Arguments.passed(texts)
      slot = @slots[Thread.current] || open_slot
      return execute_otherwise(how, texts) if slot.busy.positive? || slot.users.positive?

      slot.busy = 1
      out = NOTHING.dup
      check_open
      status = C.client_command_with(slot.client, texts.size, pointers, lengths, 0, 0, 0, out, slot.err)
      raise Failing.made(slot.err) unless status.zero?

      Reply.value(out.unpack1('J'))
    ensure
      if out
        C.reply_free(out.unpack1('J')) unless out == NOTHING
        slot.busy = 0
        Client.free_last(slot) if slot.last
      end
    end

    NOTHING = ("\0" * 8).b.freeze
    private_constant :NOTHING

    def execute_otherwise(how, texts)
      callback = callback_of(texts) unless how[:raw]
      flags, timeout = flags_of(how)
      flags |= 1 if callback
      pointers, lengths = Arguments.passed(texts)
      with_reply(callback, texts) do |slot, out, err|
        C.client_command_with(slot.client, texts.size, pointers, lengths, flags, timeout, 0, out, err)
      end
    end

    # What this thread uses, for as long as the block runs.
    def use
      slot = @slots[Thread.current] || open_slot
      nested = slot.users.positive? || slot.busy.positive?
      slot.users += 1
      begin
        check_open
        yield slot, nested ? "\0" * 256 : slot.err
      ensure
        slot.users -= 1
        Client.free_last(slot) if slot.last
      end
    end

    # Wait in the block until close calls wake.
    def waiting(slot, wake, aside: @aside, &block)
      slot.wakes.push(wake)
      begin
        check_open
        beside(aside, wake, &block)
      ensure
        slot.wakes.delete_if { |each| each.equal?(wake) }
      end
    end

    # Wait in the block. Where it may call Ruby it runs on a thread of its own, and wake ends it.
    def beside(aside, wake, &block) = aside ? Aside.run(wake, &block) : yield

    def check_open
      raise Failing.new(:state, 'this client is closed') if @closed
    end

    def check(status, err)
      raise Failing.made(err) unless status.zero?
    end

    def callback_of(texts)
      return if @callbacks.empty?

      word = texts[0].upcase
      @callbacks[word] || (texts.size > 1 && @callbacks["#{word} #{texts[1].upcase}"]) || nil
    end

    # What a response callback makes of the reply at an address, or its value. A server's error is not shown to a callback.
    def shown(callback, texts, address)
      return Reply.value(address) if callback.nil? || Reply.error?(address)

      callback.call(Response.new(texts, address))
    end

    def callbacks? = !@callbacks.empty?

    # A pipeline of this thread's, for as long as the block runs. callbacks: those for which it is to read at once.
    def with_pipeline(callbacks = nil)
      use do |slot, err|
        callbacks = nil if callbacks&.empty?
        pipeline = idle(slot, callbacks).pop || new_pipeline(slot, callbacks, err)
        begin
          yield pipeline, err, slot
        ensure
          C.pipeline_clear(pipeline)
          slot.idle[callbacks]&.push(pipeline)
        end
      end
    end

    # A client of the library's, and what C points at in it. The block is given its options.
    def open_client
      check_open
      err = "\0" * 256
      # Timeouts and the like are each client's own, and not the pool's.
      options = Options.new(*@settings)
      yield options
      client = @pool.use { |pool| made(err) { |out| C.client_new_on(pool, options.address, out, err) } }
      return client, options.closures unless @at

      begin
        at = beside(@aside || !C::NATIVE, -> { C.client_wake(client, 0) }) do
          made(err) { |out| C.client_new_at(client, @at[0], @at[1], @at[1].bytesize, out, err) }
        end
        [at, options.closures]
      ensure
        C.client_free(client)
      end
    ensure
      options&.free
    end

    def made(err)
      out = "\0" * 8
      check yield(out), err
      out.unpack1('J')
    end

    def flags_of(how)
      flags = 0
      timeout = 0
      how.each do |name, value|
        if name == :timeout
          flags |= 8 unless value.nil?
          timeout = (value * 1000).ceil unless value.nil?
        elsif value
          flags |= Names::CALLS.fetch(name) { raise Failing.new(:argument, "there is no #{name} of a call") }
        end
      end
      [flags, timeout]
    end

    private

    # The idle pipelines that read for these callbacks. Those for earlier ones are of no more use.
    def idle(slot, callbacks)
      slot.idle[callbacks] ||= begin
        (slot.idle.keys - [nil]).each do |earlier|
          slot.idle.delete(earlier).each { |pipeline| C.pipeline_free(slot.pipelines.delete(pipeline)) }
        end
        []
      end
    end

    # What a pipeline reads at once has no flag that it is to be as the server sent it: its client knows it.
    def new_pipeline(slot, callbacks, err)
      if callbacks
        own, kept = open_client do |options|
          options.interrupted_by(Thread.current) unless @aside
          callbacks.each_key { |command| options.raw(command) }
        end
        slot.kept.concat(kept)
      end
      made(err) { |out| C.pipeline_new(own || slot.client, out, err) }.tap { |pipeline| slot.pipelines.push(pipeline) }
    ensure
      C.client_free(own) if own
    end

    def own(url, settings)
      @settings = [url, settings.except(*Options::POOLED)]
      options = Options.new(url, settings)
      pool = made(err = "\0" * 256) { |out| C.pool_new(options.address, out, err) }
      @state[:kept] = options.closures
      @pool = Handle.new(:pool_free, pool, 'client', options.closures)
      @url = options.to_url
      @aside = options.functions?
    ensure
      options&.free
    end

    def share(other, at, settings)
      @shared = other
      @pool = other.pool
      @callbacks = other.callbacks
      @at = at
      url, earlier = other.settings
      @settings = [url, earlier.merge(settings)]
      @url = other.url
      @aside = other.aside
    end

    # Threads come and go: the slots of those that are gone are freed when another comes.
    def open_slot
      thread = Thread.current
      client, kept = open_client { |options| options.interrupted_by(thread) unless @aside }
      slot = Slot.new(client, "\0" * 256, 0, false, 0, [], {}.compare_by_identity, [], [true], kept)
      @mutex.synchronize do
        gone = @slots.keys.reject(&:alive?)
        gone.each { |key| Client.free(@slots.delete(key)) }
        @slots[thread] = slot
      end
    end
  end

  # A command and its reply, for a response callback.
  class Response
    # arguments: the texts of the command.
    attr_reader :arguments, :address

    def initialize(arguments, address)
      @arguments = arguments
      @address = address
    end

    # The reply as the server sent it.
    def reply = Reply.value(@address)

    # The reply as the built-in callback shapes it.
    def builtin
      out = "\0" * 8
      err = "\0" * 256
      status = C.callback_builtin(@arguments.size, *Arguments.passed(@arguments), @address, out, err)
      raise Failing.made(err) unless status.zero?

      Reply.take(out.unpack1('J'))
    end
  end
end
