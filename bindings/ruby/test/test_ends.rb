# frozen_string_literal: true

require_relative 'helper'

# How long what C points at lives, and what close ends.
class TestEnds < Minitest::Test
  include Helper

  # Memory that was freed is used for something else, and what can be moved is moved.
  def collect
    Array.new(100_000) { Object.new }
    GC.start
    GC.compact if GC.respond_to?(:compact)
  end

  # A thread that waits has begun to.
  def waiting(&block)
    thread = Thread.new(&block)
    thread.report_on_exception = false
    sleep 0.1
    thread
  end

  def ends(thread) = eventually('it is over') { !thread.alive? }

  def woken(thread)
    ends(thread)
    assert_raises(Rredis::WokenError) { thread.value }
  end

  # The block's result in a child of fork, which has to end by itself.
  def in_child
    reader, writer = IO.pipe
    child = fork do
      reader.close
      writer.write Marshal.dump(yield)
      writer.close
      exit!(0)
    end
    writer.close
    assert reader.wait_readable(10), 'the child hangs'
    Marshal.load(reader.read)
  ensure
    Process.kill(:KILL, child)
    Process.wait(child)
  end

  def test_what_a_thread_has_made_outlives_it
    events = Queue.new
    [client, client(on_event: ->(event) { events << event[0] })].each do |redis|
      subscriber, connection = Thread.new { [redis.subscriber, redis.connection] }.value
      # The clients of threads that are gone are freed.
      3.times { Thread.new { redis.ping }.join }
      collect
      subscriber.subscribe('rb:outlives')
      eventually('it is subscribed') { redis.publish('rb:outlives', 'x').positive? }
      assert_equal 'x', subscriber.next_message.payload
      # The library asks now and then whether to go on.
      assert_nil connection.blpop('rb:nothing', 0.3)
      redis.close
      collect
      events.clear
      client.client_kill('TYPE', 'pubsub')
      assert_equal :gap, subscriber.next_message(10).kind
      assert_equal true, connection.ping
      [subscriber, connection].each(&:close)
    end
    assert_equal %w[lost connected], Array.new(2) { events.pop }
  end

  def test_a_subscriber_is_closed_while_it_subscribes
    [{}, { on_event: ->(_) {} }].each do |options|
      subscriber = deaf(**options).subscriber
      subscribing = waiting { subscriber.subscribe('rb:never') }
      subscriber.close
      collect
      woken(subscribing)
      failed(:state) { subscriber.subscribe('rb:never') }
      failed(:woken) { subscriber.next_message }
    end
  end

  def test_a_pool_is_closed_while_others_use_it
    redis = deaf
    other = redis.with(command_timeout: 1)
    assert_equal 0, other.stat(:connections)
    warming = waiting { redis.warm(1) }
    redis.close
    collect
    failed(:state) { other.stat(:connections) }
    failed(:state) { other.ping }
    hear
    ends(warming)
    assert_raises(Rredis::Error) { warming.value }
  end

  def test_close_ends_every_call
    full = client(pool_max: 1)
    held = full.connection
    script = full.script('return 1')
    { pipeline: ->(redis) { redis.pipelined { |queue| queue.ping.blpop('rb:nothing', 0) } },
      run_each: ->(redis) { redis.pipeline.ping.blpop('rb:nothing', 0).run_each {} },
      transaction: ->(redis) { redis.transact('rb:n') { |now| now.blpop('rb:nothing', 0) } },
      lease: ->(_) { full.with(command_timeout: nil).tap { |redis| (@clients ||= []) << redis }.connection } }.each do |what, wait|
      [{}, { on_event: ->(_) {} }].each do |options|
        redis = client(**options)
        thread = waiting { wait.call(redis) }
        closing = Thread.new { (what == :lease ? @clients.last : redis).close }
        ends(closing)
        woken(thread)
      end
    end
    scripts = waiting { script.run }
    full.close
    woken(scripts)
    held.close
  end

  def test_close_waits_for_no_code_of_the_program
    redis = client
    go_on = Queue.new
    thread = waiting { redis.transact('rb:n') { |now| go_on.pop && now.get('rb:n') } }
    ends(Thread.new { redis.close })
    go_on << true
    ends(thread)
    failed(:state) { thread.value }
  end

  def test_close_of_a_child_waits_for_no_thread_of_the_parent
    redis = client
    connection = redis.connection
    waits = [-> { redis.blpop('rb:ends', 0) }, -> { redis.pipelined { |queue| queue.blpop('rb:ends', 0) } },
             -> { redis.with.blpop('rb:ends', 0) }, -> { connection.blpop('rb:ends', 0) }]
    threads = waits.map { |wait| waiting(&wait) }
    assert_equal(:closed, in_child { redis.ping; [redis, connection].each(&:close); :closed })
    redis.del('rb:ends')
    threads.size.times { redis.rpush('rb:ends', 'x') }
    threads.each { |thread| ends(thread) }
    connection.close
  end

  # The call goes on after it, and the client is freed at its end.
  def test_close_within_a_function_of_a_call
    redis = nil
    closed = lambda do |options, &call|
      redis = Rredis.new(URL, **options)
      thread = waiting { call.call }
      ends(thread)
      collect
      failed(:state) { redis.ping }
      thread.value
    end
    assert_equal true, closed.call({ on_event: ->(_) { redis.close } }) { redis.ping }
    assert_equal true, closed.call({ credentials: ->(_) { redis.close; %w[default any] } }) { redis.ping }
    seen = []
    closed.call({}) { redis.pipeline.ping.echo('x').run_each { |_, reply| seen << reply && redis.close } }
    assert_equal [true, 'x'], seen
    redis = client
    redis.on_response('ECHO') { |response| redis.close; response.reply }
    assert_equal 'x', redis.echo('x')
    redis = client(on_event: ->(_) { @connection&.close })
    @connection = redis.connection
    assert_equal true, @connection.ping
  end
end
