# frozen_string_literal: true

module Rredis
  # A connection for a single owner, for commands that a pool cannot serve: SELECT, MONITOR, CLIENT REPLY. Calls of several
  # threads wait for each other.
  class Connection
    include Commands

    def initialize(client)
      @client = client
      @mutex = Mutex.new
      @err = "\0" * 256
      @aside = client.aside || !C::NATIVE
      client.use { |slot, err| @aside ? lease_apart(slot, err) : lease(slot, slot.client, err, slot.kept) }
    end

    # Run a command. One that the server answers with pushes (SUBSCRIBE), or not at all, gives nil.
    def call(*arguments, **options) = call_with({}, *arguments, **options)

    # Run a command in another way, as Client#call_with.
    def call_with(how, *arguments, **options)
      texts = Arguments.texts(arguments, options)
      flags, timeout = @client.flags_of(how)
      queue = queue_of(texts)
      callback = @client.callback_of(texts)
      callback = ->(response) { answers(queue, response) } if queue.any? { |queued| @client.callback_of(queued) }
      callback = nil if how[:raw]
      flags |= 1 if callback
      pointers, lengths = Arguments.passed(texts)
      receiving(->(reply) { queued?(texts, reply) ? Reply.value(reply) : @client.shown(callback, texts, reply) }) do |address, out|
        C.conn_command_with(address, texts.size, pointers, lengths, flags, timeout, 0, out, @err)
      end
    end

    # Send a command, whose reply receive gives.
    def transmit(*arguments, **options) = send_texts(Arguments.texts(arguments, options), 0)

    # Queue a command, whose reply receive gives. The next transmit or receive writes all queued commands at once.
    def transmit_later(*arguments, **options) = send_texts(Arguments.texts(arguments, options), Names::MORE)

    # The descriptor, to be watched for reading: receive(0) until it raises AgainError or StateError before each wait.
    def fileno = @handle.use { |address| C.conn_fd(address) }

    # Give the next reply, push or line of MONITOR, in order of arrival. A server's error is a ServerError among them.
    # timeout is in seconds; nil: for ever. AgainError: nothing arrived in that time.
    def receive(timeout = nil)
      timeout = Options.milliseconds(timeout)
      receiving { |address, out| C.conn_receive(address, timeout, out, @err) }
    end

    # Give the connection back, or close it if a command has changed it. A call that waits in another thread is ended.
    def close = @handle.close { |address| C.conn_wake(address) }

    private

    # Any thread may wait in the connection. Only the extension can tell which one does, so otherwise the library asks about none.
    def lease_apart(slot, err)
      address, kept = @client.open_client {}
      own = Handle.new(:client_free, address, 'client', kept)
      lease(slot, address, err, kept) { own.held { |client| C.client_wake(client, 0) } }
    ensure
      own&.close
    end

    def lease(slot, client, err, kept, &wake)
      wake ||= -> { C.client_wake(client, 0) }
      address = @client.waiting(slot, wake, aside: @aside) { @client.made(err) { |out| C.conn_new(client, out, err) } }
      @handle = Handle.new(:conn_free, address, 'connection', [@client, kept])
    end

    def send_texts(texts, flags)
      pointers, lengths = Arguments.passed(texts)
      waiting { |address| C.conn_send_with(address, texts.size, pointers, lengths, flags, @err) }
      self
    end

    # The commands that this one runs, if it is EXEC. What is queued is known where there are response callbacks.
    def queue_of(texts)
      queue = @queue || []
      return [] unless (@queue || @client.callbacks?) && texts[0]

      word = texts[0].upcase
      @queue = [] if word == 'MULTI' && !@queue
      @queue = nil if %w[EXEC DISCARD RESET].include?(word)
      word == 'EXEC' ? queue : []
    end

    # Whether the command waits for EXEC.
    def queued?(texts, reply)
      return false unless @queue && Reply.value(reply) == 'QUEUED'

      @queue << texts
    end

    # What the response callbacks make of the elements of the reply to EXEC.
    def answers(queue, response)
      elements = Reply.elements_of(response.address)
      response.reply&.each_with_index&.map do |reply, index|
        next reply if reply.is_a?(Error)

        element = Response.new(queue[index], elements + Reply::NODE * index)
        callback = @client.callback_of(element.arguments)
        callback ? callback.call(element) : element.builtin
      end
    end

    def receiving(shown = Reply.method(:value))
      out = "\0" * 8
      waiting { |address| yield address, out }
      shown.call(out.unpack1('J'))
    ensure
      reply = out.unpack1('J')
      C.reply_free(reply) unless reply.zero?
    end

    def waiting
      @mutex.synchronize do
        @handle.use do |address|
          @client.beside(@aside, -> { C.conn_wake(address) }) { @client.check yield(address), @err }
        end
      end
    end
  end
end
