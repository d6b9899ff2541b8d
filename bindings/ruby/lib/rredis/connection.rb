# frozen_string_literal: true

module Rredis
  # A connection for a single owner, for commands that a pool cannot serve: SELECT, MONITOR, CLIENT REPLY. Calls of several
  # threads wait for each other.
  class Connection
    include Commands

    def initialize(client)
      @client = client
      @owner = Thread.current
      @mutex = Mutex.new
      @err = "\0" * 256
      @address = client.use do |slot, err|
        out = "\0" * 8
        client.waiting(-> { C.client_wake(slot.client, 0) }) { client.check C.conn_new(slot.client, out, err), err }
        out.unpack1('J')
      end
      @state = { address: @address }
      ObjectSpace.define_finalizer(self, self.class.finalizer(@state))
    end

    # Run a command. One that the server answers with pushes (SUBSCRIBE), or not at all, gives nil.
    def call(*arguments, **options) = call_with({}, *arguments, **options)

    # Run a command in another way, as Client#call_with.
    def call_with(how, *arguments, **options)
      texts = Arguments.texts(arguments, options)
      flags, timeout = @client.flags_of(how)
      pointers = Arguments.pointers(texts)
      lengths = Arguments.lengths(texts)
      receiving do |out|
        C.conn_command_with(@address, texts.size, pointers, lengths, flags, timeout, 0, out, @err)
      end
    end

    # Send a command, whose reply receive gives.
    def transmit(*arguments, **options) = send_texts(Arguments.texts(arguments, options), 0)

    # Queue a command, whose reply receive gives. The next transmit or receive writes all queued commands at once.
    def transmit_later(*arguments, **options) = send_texts(Arguments.texts(arguments, options), Names::MORE)

    # The descriptor, to be watched for reading: receive(0) until it raises AgainError or StateError before each wait.
    def fileno = C.conn_fd(@address)

    # Give the next reply, push or line of MONITOR, in order of arrival. A server's error is a ServerError among them.
    # timeout is in seconds; nil: for ever. AgainError: nothing arrived in that time.
    def receive(timeout = nil)
      timeout = Options.milliseconds(timeout)
      receiving { |out| C.conn_receive(@address, timeout, out, @err) }
    end

    # Give the connection back, or close it if a command has changed it. A call that waits in another thread is ended.
    def close
      @closed = true
      C.conn_wake(@address) && sleep(0.001) while @mutex.locked? && !@mutex.owned?
      @mutex.synchronize do
        C.conn_free(@address)
        @state[:address] = @address = 0
      end
      ObjectSpace.undefine_finalizer(self)
    end

    def self.finalizer(state) = proc { C.conn_free(state[:address]) }

    private

    def send_texts(texts, flags)
      pointers = Arguments.pointers(texts)
      lengths = Arguments.lengths(texts)
      waiting { C.conn_send_with(@address, texts.size, pointers, lengths, flags, @err) }
      self
    end

    def receiving
      out = "\0" * 8
      waiting { yield out }
      Reply.value(out.unpack1('J'))
    ensure
      reply = out.unpack1('J')
      C.reply_free(reply) unless reply.zero?
    end

    # The interrupt function of the connection asks about the thread that made it. Any other waits beside its call.
    def waiting
      @mutex.synchronize do
        raise Failing.new(:state, 'this connection is closed') if @closed

        call = -> { @client.check yield, @err }
        aside = @client.aside || Thread.current != @owner
        aside ? Aside.run(-> { C.conn_wake(@address) }, &call) : call.call
      end
    end
  end
end
