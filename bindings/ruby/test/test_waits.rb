# frozen_string_literal: true

require_relative 'helper'

# Each wait ends by Ctrl-C, by Thread#kill and by Timeout, and other threads run meanwhile.
class TestWaits < Minitest::Test
  include Helper

  def setup
    @redis = client(pool_max: 8)
    @redis.del('rb:nothing')
    @subscriber = @redis.subscriber
    @subscriber.subscribe('rb:silence')
    @connection = @redis.connection
    @aside = client(on_event: ->(_) {})
    @full = client(pool_max: 1, command_timeout: 30)
    @only = @full.connection
  end

  def teardown
    @only.close
    @subscriber.close
    @connection.close
    super
  end

  def waits
    {
      command: -> { @redis.blpop('rb:nothing', 0) },
      pipeline: -> { @redis.pipelined { |queue| queue.ping.blpop('rb:nothing', 0) } },
      run_each: -> { @redis.pipeline.ping.blpop('rb:nothing', 0).run_each {} },
      transaction: -> { @redis.transact('rb:n') { |now| now.blpop('rb:nothing', 0) } },
      subscriber: -> { @subscriber.next_message },
      run: -> { @subscriber.run },
      connection: -> { @redis.connection { |own| own.blpop('rb:nothing', 0) } },
      connection_of_another: -> { @connection.receive },
      with_functions: -> { @aside.blpop('rb:nothing', 0) },
      lease: -> { @full.get('rb:n') },
      lease_of_a_connection: -> { @full.connection },
      script: -> { @full.script('return 1').run },
      connect: -> { deaf.ping },
      subscribe: -> { deaf.subscriber.subscribe('rb:never') },
      subscribe_with_functions: -> { deaf(on_event: ->(_) {}).subscriber.subscribe('rb:never') },
      warm: -> { deaf.warm(1) }
    }
  end

  # All are as good as before.
  def still_good
    assert_equal true, @redis.ping
    assert_equal true, @only.ping
    assert_equal true, @aside.ping
    @redis.publish('rb:silence', 'x')
    assert_equal 'x', @subscriber.next_message.payload
  end

  # Each wait would end by itself, but much later.
  def soon(what)
    begin_at = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - begin_at, :<, 10, what
  end

  def test_ctrl_c_ends_every_wait
    waits.each do |what, wait|
      next if what == :connection_of_another

      [0, 0.15].each do |after|
        Thread.new { sleep after; Process.kill(:INT, Process.pid) }
        soon(what) { assert_raises(Interrupt, what.to_s) { wait.call } }
      end
      still_good
    end
  end

  def test_timeout_ends_every_wait
    waits.each do |what, wait|
      @connection.transmit('BLPOP', 'rb:nothing', 1) if what == :connection_of_another
      soon(what) { assert_raises(Timeout::Error, what.to_s) { Timeout.timeout(0.1) { wait.call } } }
      still_good
    end
  end

  def test_a_kill_ends_every_wait
    waits.each do |what, wait|
      @connection.transmit('BLPOP', 'rb:nothing', 1) if what == :connection_of_another
      thread = Thread.new(&wait)
      sleep 0.1
      assert thread.alive?, what
      thread.kill
      assert thread.join(10), what
      @connection.receive(5) if what == :connection_of_another
      still_good
    end
  end

  # Each wait ends by what another thread does: one that kept the interpreter's lock would never end.
  def test_other_threads_run_meanwhile
    @redis.del('rb:later')
    later = ->(&block) { Thread.new { sleep 0.02; block.call } }
    push = -> { later.call { @redis.rpush('rb:later', 'x') } }
    { command: -> { @redis.blpop('rb:later', 20) }, pipeline: -> { @redis.pipelined { |queue| queue.blpop('rb:later', 20) }[0] },
      transaction: -> { @redis.transact('rb:n') { |now| break now.blpop('rb:later', 20) } },
      connection: -> { @connection.blpop('rb:later', 20) }, with_functions: -> { @aside.blpop('rb:later', 20) } }.each do |what, wait|
      pushing = push.call
      assert_equal %w[rb:later x], wait.call, what
      pushing.join
    end
    publishing = later.call { @redis.publish('rb:silence', 'x') }
    assert_equal 'x', @subscriber.next_message(20)&.payload
    publishing.join
  end

  def test_close_ends_waits
    redis = Rredis.new(URL)
    over = [Thread.new { redis.blpop('rb:nothing', 0) }, Thread.new { @subscriber.next_message }]
    over.each { |thread| thread.report_on_exception = false }
    sleep 0.1
    redis.close
    @subscriber.close
    over.each { |thread| assert_raises(Rredis::WokenError) { thread.value } }
    @subscriber = client.subscriber
  end

  def test_one_of_two_calls_is_ended
    @redis.del('rb:later')
    other = Thread.new { @redis.blpop('rb:later', 0) }
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { @redis.blpop('rb:nothing', 0) } }
    @redis.rpush('rb:later', 'x')
    assert_equal %w[rb:later x], other.value
  end

  # The extension lets Ruby run handlers during a wait. One that raises nothing ends no wait.
  def test_a_handler_of_a_signal_runs_during_a_wait
    skip 'only the extension does this' unless Rredis::C::NATIVE
    other = client
    seen = []
    earlier = trap('USR1') do
      seen << other.echo('another client')
      @redis.ping
    rescue Rredis::StateError => e
      seen << e.status
    end
    pairs = [@redis, other].each(&:ping) && waits.slice(:command, :pipeline, :transaction, :connection)
    pairs.each do |what, wait|
      seen.clear
      @redis.del('rb:nothing')
      signals = Thread.new do
        sleep 0.1
        Process.kill(:USR1, Process.pid)
        eventually('the handler runs') { seen.size == (what == :command ? 2 : 1) }
        other.rpush('rb:nothing', 'x')
      end
      assert_includes [%w[rb:nothing x], [true, %w[rb:nothing x]], []], wait.call, what
      signals.join
      assert_equal 'another client', seen[0], what
      assert_equal :state, seen[1] if what == :command
    end
  ensure
    trap('USR1', earlier || 'DEFAULT') if seen
  end
end
