# frozen_string_literal: true

require 'io/wait'

module Rredis
  # What a subscriber receives. kind: :message, :pmessage, :smessage, :gap, or with pubsub_confirmations: true :subscribe and
  # the like. pattern: of a :pmessage. channel: of a message, or the name of a confirmation. payload: of a message; the reason
  # of a gap; the count of a confirmation. missed: the longest time, in seconds, for which messages may be missing at a gap.
  Message = Struct.new(:kind, :pattern, :channel, :payload, :missed)

  # Receives the messages of channels, on a connection of its own. One thread waits in next_message, each or run; meanwhile
  # others may subscribe and unsubscribe. It waits as Ruby waits for a file, so that whatever ends that ends it.
  class Subscriber
    def initialize(client)
      @client = client
      @handlers = {}
      @err = "\0" * 256
      @flag = Options::Flag.new
      @handle = client.use { |_, err| made(err) }
      @io = @handle.use { |address| IO.for_fd(C.pubsub_fd(address), autoclose: false) }
      @awake, @waker = IO.pipe
      @waiting = Mutex.new
      @changing = Mutex.new
    end

    # Subscribe to channels, or with topic: :pattern or :shard to patterns or shard channels. A block is their handler.
    def subscribe(*names, topic: :channel, &block)
      names.flatten.each { |name| on(name, topic: topic, &block) } if block
      change(:pubsub_subscribe, topic, names)
    end

    def psubscribe(*patterns, &block) = subscribe(*patterns, topic: :pattern, &block)
    def ssubscribe(*channels, &block) = subscribe(*channels, topic: :shard, &block)

    # Unsubscribe from names, or from all names of the topic.
    def unsubscribe(*names, topic: :channel) = change(:pubsub_unsubscribe, topic, names)

    # Set the block (a handler) that receives the messages of a name, in place of next_message. Without a block it is removed.
    def on(name, topic: :channel, &block)
      key = [topic, name.to_s.b]
      block ? @handlers[key] = block : @handlers.delete(key)
      self
    end

    # Give the next message that has no handler, or the next gap; nil where none came within timeout seconds. What a handler
    # raises is raised here.
    def next_message(timeout = nil)
      over = timeout && now + timeout
      check_open
      # The descriptor stays as long as it is waited for.
      @waiting.synchronize { @handle.held { |address| message_until(over, address) } }
    end

    # Pass messages to their handlers, for timeout seconds or until close. Gaps, and messages without a handler, are given to
    # the block, where there is one.
    def run(timeout = nil)
      over = timeout && now + timeout
      loop do
        message = next_message(over && [over - now, 0].max)
        return unless message

        yield message if block_given?
      end
    rescue WokenError
      nil
    end

    # Give each message to the block, until close.
    def each(&block)
      return enum_for(:each) unless block

      run(&block)
    end
    include Enumerable

    # End the waits under way, with WokenError, and close the connection.
    def close
      return if @closed

      @closed = true
      @flag.set
      @waker.close
      @handle.close
    end

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def check_open
      raise Failing.new(:woken, 'this subscriber was closed') if @closed
    end

    # A client of the library's that is this subscriber's own, so that the flag ends no call of others.
    def made(err)
      client, kept = @client.open_client { |options| options.ended_by(@flag) }
      address = @client.made(err) { |out| C.pubsub_new(client, out, err) }
      Handle.new(:pubsub_free, address, 'subscriber', [@client, kept, @flag])
    ensure
      C.client_free(client) if client
    end

    def message_until(over, address)
      loop do
        check_open
        message = arrived(address)
        if message
          handler = handler_of(message)
          return message unless handler

          handler.call(message)
        else
          left = over && [over - now, 0].max
          return if left&.zero?

          pause(left)
        end
      end
    end

    # What was meant for an earlier wait: it is gone, and this one goes on.
    NOTHING = %i[again woken].map { |name| Names::STATUSES[name] }.freeze

    # The message that is there, or nil.
    def arrived(address)
      out = "\0" * 8
      status = @client.beside(@client.aside, -> { C.pubsub_wake(address) }) { C.pubsub_next(address, 0, out, @err) }
      return if NOTHING.include?(status)

      @client.check status, @err
      message(Reply.value(out.unpack1('J')))
    ensure
      reply = out ? out.unpack1('J') : 0
      C.reply_free(reply) unless reply.zero?
    end

    def pause(left) = IO.select([@io, @awake], nil, nil, left)

    def message(reply)
      kind, pattern, channel, payload = reply
      kind = kind.to_sym
      kind == :gap ? Message.new(kind, nil, nil, channel, payload / 1000.0) : Message.new(kind, pattern, channel, payload, nil)
    end

    TOPICS = { message: :channel, pmessage: :pattern, smessage: :shard }.freeze

    def handler_of(message)
      return if @handlers.empty?

      topic = TOPICS[message.kind]
      topic && @handlers[[topic, (message.pattern || message.channel).b]]
    end

    def change(function, topic, names)
      texts = Arguments.texts(names)
      pointers, lengths = Arguments.passed(texts)
      topic = Names::TOPICS.fetch(topic)
      err = "\0" * 256
      changing do |address|
        @client.check C.public_send(function, address, topic, texts.size, pointers, lengths, err), err
      end
      self
    end

    # The first subscription connects. With the extension whoever wants something of the thread ends that, and otherwise the flag,
    # which is for one at a time.
    def changing(&block)
      return @handle.use(&block) if C::NATIVE && !@client.aside
      raise Failing.new(:state, 'this subscriber is connecting') if Aside.callers.include?(@changer)

      @changing.synchronize do
        @changer = Thread.current
        @flag.clear
        @flag.set if @closed
        @handle.use { |address| Aside.run(-> { @flag.set }) { block.call(address) } }
      ensure
        @changer = nil
      end
    end
  end
end
