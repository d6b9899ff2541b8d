# frozen_string_literal: true

require_relative 'helper'

class TestLoad < Minitest::Test
  include Helper

  def test_each_thread_gets_its_own_replies
    redis = client
    each = count(100_000, 4000) / 16
    threads = Array.new(16) do |number|
      Thread.new { (0...each).all? { |i| redis.echo("#{number}-#{i}") == "#{number}-#{i}" } }
    end
    assert threads.all?(&:value)
    # Their clients are freed when other threads come.
    Thread.new { redis.ping }.join
    assert_operator redis.state[:slots].size, :<=, 3
  end

  # As Puma forks: the parent has used the client, and its threads go on using it.
  def test_children_of_fork_have_connections_of_their_own
    redis = client
    redis.ping
    stop = false
    busy = Array.new(2) { |n| Thread.new { redis.echo(n) until stop } }
    count(50, 4).times do |turn|
      reader, writer = IO.pipe
      child = fork do
        reader.close
        ids = [redis.client_id, Thread.new { redis.client_id }.value]
        ok = (1..50).all? { |i| redis.echo(i) == i.to_s }
        writer.write Marshal.dump([ids, ok])
        writer.close
        exit!(0)
      end
      writer.close
      ids, ok = Marshal.load(reader.read)
      Process.wait(child)
      assert ok, turn
      refute_includes ids, redis.client_id
    end
  ensure
    stop = true
    busy.each(&:join)
  end

  def test_a_parent_s_own_handles_are_refused_in_a_child
    redis = client
    connection = redis.connection
    connection.ping
    reader, writer = IO.pipe
    child = fork do
      begin
        connection.ping
        writer.write 'no error'
      rescue Rredis::ForkedError
        writer.write 'forked'
      end
      exit!(0)
    end
    writer.close
    assert_equal 'forked', reader.read
    Process.wait(child)
    assert_equal true, connection.ping
    connection.close
  end

  def resident
    GC.start
    File.read('/proc/self/status')[/VmRSS:\s+(\d+)/, 1].to_i
  end

  # Each kind of operation, 100 000 times in the long form, leaves the memory as it was: 100 bytes of each would be 9.5 MiB.
  def test_memory_stays_flat
    skip 'this system does not say how much memory a process has' unless File.exist?('/proc/self/status')
    redis = client
    redis.del('rb:h', 'rb:flat')
    redis.hset('rb:h', (0...50).to_h { |i| [i, 'x' * 100] })
    script = redis.script('return ARGV[1]')
    subscriber = redis.subscriber.subscribe('rb:flat')
    aside = client(on_event: ->(_) {})
    shown = client.tap { |own| own.on_response('ECHO', &:builtin) }
    {
      command: ->(i) { redis.set('rb:flat', i) },
      map: ->(_) { redis.hgetall('rb:h') },
      script: ->(i) { script.run(arguments: [i]) },
      error: ->(_) { assert_raises(Rredis::ServerError) { redis.incr('rb:h') } },
      pipeline: ->(_) { redis.pipelined { |queue| queue.ping.hgetall('rb:h') } },
      run_each: ->(_) { redis.pipeline.ping.hgetall('rb:h').run_each {} },
      transaction: ->(_) { redis.transact('rb:flat') { |now| now.queue.set('rb:flat', now.get('rb:flat')) } },
      connection: ->(_) { redis.connection(&:ping) },
      message: ->(i) { redis.publish('rb:flat', i) && subscriber.next_message },
      subscriber: ->(i) { redis.subscriber.then { |own| own.close if i.even? } },
      with_functions: ->(_) { aside.ping },
      response: ->(i) { shown.transact('rb:flat') { |now| now.echo(i) } },
      client: ->(i) { Rredis.new(URL).tap { |own| own.ping if (i % 50).zero? }.then { |own| own.close if i.even? } }
    }.each do |what, operation|
      turns = count(100_000, 150)
      (turns / 5 + 50).times(&operation)
      before = resident
      turns.times(&operation)
      after = resident
      assert_operator after - before, :<, turns * 50 / 1024 + 4096, "#{what}: #{before} KiB before, #{after} KiB after #{turns}"
    end
    subscriber.close
  end
end
