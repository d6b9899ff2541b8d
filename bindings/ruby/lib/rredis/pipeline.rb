# frozen_string_literal: true

module Rredis
  # Queues commands, and sends all of them in one burst. It is for one thread at a time.
  class Pipeline
    include Commands

    def initialize(client)
      @client = client
      @queue = []
    end

    # Queue a command, and give the pipeline.
    def call(*arguments, **options)
      @queue << [Arguments.texts(arguments, options), nil, 0]
      self
    end

    # Queue a script.
    def script(script, keys: [], arguments: [])
      @queue << [Arguments.texts([keys, arguments]), script, keys.size]
      self
    end

    def size = @queue.size
    alias length size

    def clear
      @queue.clear
      self
    end

    # Run the commands: the replies in order. That of a command that failed is an Error, which is not raised. A run has no
    # deadline unless timeout: says one: it times out when nothing arrived for the command_timeout.
    def run(atomic: false, **how)
      flags, timeout = @client.flags_of(how)
      queue, @queue = @queue, []
      @client.with_pipeline do |pipeline, err, slot|
        queue.each { |texts, script, keys| add(pipeline, err, texts, script, keys) }
        Pipeline.results(@client, slot, pipeline, queue, err, raw: how[:raw]) do |out|
          C.pipeline_run_with(pipeline, atomic ? 1 : 0, flags, timeout, out, err)
        end
      end
    end

    # Run the commands, and give each index, from 0, and its reply to the block as replies arrive. None is kept, so the memory does
    # not grow with their number. What the block raises ends the run, and is raised here.
    def run_each(**how)
      flags, timeout = @client.flags_of(how)
      queue, @queue = @queue, []
      each = Aside.closure(Fiddle::TYPE_INT32_T, 4) do |_, index, reply, err|
        Aside.guarded(err) { yield(index, how[:raw] ? Reply.value(reply) : Pipeline.shown(@client, queue[index], reply)); 0 } || 80
      end
      @client.with_pipeline do |pipeline, err, slot|
        queue.each { |texts, script, keys| add(pipeline, err, texts, script, keys) }
        @client.waiting(slot, -> { C.pipeline_wake(pipeline) }, aside: true) do
          @client.check C.pipeline_run_each(pipeline, flags, timeout, each.to_i, 0, err), err
        end
      end
      self
    end

    # :nodoc: The texts of a queued command, and its response callback.
    def self.callback(client, queued)
      texts, script, keys = queued
      texts = script.command(texts, keys) if script && client.callbacks?
      [texts, client.callback_of(texts)]
    end

    # :nodoc: What a response callback makes of the reply at an address, or its value.
    def self.shown(client, queued, address)
      texts, callback = callback(client, queued)
      client.shown(callback, texts, address)
    end

    # :nodoc: Wait for a run's replies, and apply the client's response callbacks.
    def self.results(client, slot, pipeline, queue, err, raw: nil)
      out = "\0" * 8
      client.waiting(slot, -> { C.pipeline_wake(pipeline) }) do
        client.check yield(out), err
      rescue Error => e
        index = C.pipeline_failed(pipeline)
        e.index = index unless index.negative?
        raise
      end
      root = out.unpack1('J')
      replies = Reply.results(root)
      client.callbacks? && !raw ? answered(client, queue, replies, root) : replies
    ensure
      root = out.unpack1('J')
      C.reply_free(root) unless root.zero?
    end

    def self.answered(client, queue, replies, root)
      elements = Reply.elements_of(root)
      replies.each_with_index.map do |reply, index|
        reply.is_a?(Error) ? reply : shown(client, queue[index], elements + Reply::NODE * index)
      end
    end

    private

    def add(pipeline, err, texts, script, keys)
      flags = @client.callbacks? && Pipeline.callback(@client, [texts, script, keys])[1] ? 1 : 0
      return @client.check(Native.add(pipeline, texts, flags, err), err) if C::NATIVE && !script

      pointers, lengths = Arguments.passed(texts)
      @client.check(
        if script then C.script_add_with(script.address, pipeline, keys, texts.size, pointers, lengths, flags, 0, err)
        else C.pipeline_add_with(pipeline, texts.size, pointers, lengths, flags, 0, err)
        end, err
      )
    end
  end

  # One try of a transaction. Its commands run at once, to read what the transaction depends on.
  class Transaction
    include Commands

    # The pauses between tries, in seconds.
    PAUSES = [0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064].freeze

    def self.run(client, keys, timeout)
      over = timeout && Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
      (0..).each do |try|
        return client.with_pipeline(client.callbacks) do |pipeline, err, slot|
          transaction = new(client, slot, pipeline, err)
          transaction.watch(keys) unless keys.empty?
          yield transaction
          return transaction.exec_queue
        ensure
          transaction.end
        end
      rescue WatchError
        raise if over && Process.clock_gettime(Process::CLOCK_MONOTONIC) >= over

        sleep rand * PAUSES.fetch(try, 0.1)
      end
    end

    def initialize(client, slot, pipeline, err)
      @client = client
      @slot = slot
      @pipeline = pipeline
      @err = err
      @queue = []
    end

    # Run a command at once.
    def call(*arguments, **options)
      texts = Arguments.texts(arguments, options)
      pointers, lengths = Arguments.passed(texts)
      out = "\0" * 8
      waiting { C.pipeline_command(handle, texts.size, pointers, lengths, out, @err) }
      @client.shown(@client.callback_of(texts), texts, out.unpack1('J'))
    ensure
      reply = out ? out.unpack1('J') : 0
      C.reply_free(reply) unless reply.zero?
    end

    # Queue a command of the transaction, as a method of what this gives: transaction.queue.set('key', 1).
    def queue = @queued ||= Queued.new(self)

    # :nodoc:
    class Queued
      include Commands

      def initialize(transaction) = @transaction = transaction

      def call(*arguments, **options)
        @transaction.add(Arguments.texts(arguments, options))
        self
      end
    end

    # :nodoc:
    def add(texts)
      pointers, lengths = Arguments.passed(texts)
      flags = @client.callback_of(texts) ? 1 : 0
      @client.check C.pipeline_add_with(handle, texts.size, pointers, lengths, flags, 0, @err), @err
      @queue << [texts, nil, 0]
    end

    # :nodoc:
    def watch(keys)
      texts = Arguments.texts(keys)
      pointers, lengths = Arguments.passed(texts)
      waiting { C.pipeline_watch(handle, texts.size, pointers, lengths, @err) }
    end

    # :nodoc:
    def exec_queue
      Pipeline.results(@client, @slot, handle, @queue, @err) { |out| C.pipeline_run_with(handle, 1, 0, 0, out, @err) }
    end

    # :nodoc:
    def end = @pipeline = nil

    private

    def handle = @pipeline || raise(Failing.new(:state, 'this try of the transaction is over'))

    def waiting(&block)
      pipeline = handle
      @client.waiting(@slot, -> { C.pipeline_wake(pipeline) }) { @client.check block.call, @err }
    end
  end
end
