# frozen_string_literal: true

require_relative 'helper'

class TestCommands < Minitest::Test
  include Helper

  def test_replies_are_alike_in_both_protocols
    [2, 3].each do |protocol|
      redis = client(protocol: protocol)
      redis.del('rb:h', 'rb:z', 'rb:s', 'rb:l')
      bytes = "a\0b\xff".b
      assert_equal true, redis.set('rb:key', bytes)
      assert_equal bytes, redis.get('rb:key').b
      assert_equal 'é', redis.tap { |r| r.set('rb:key', 'é') }.get('rb:key')
      assert_nil redis.get('rb:absent')
      assert_equal 2, redis.hset('rb:h', { one: 1, 'two' => 2.5 })
      assert_equal({ 'one' => '1', 'two' => '2.5' }, redis.hgetall('rb:h'))
      redis.zadd('rb:z', 1.5, 'a', Float::INFINITY, 'b')
      assert_equal 1.5, redis.zscore('rb:z', 'a')
      assert_equal [['a', 1.5], ['b', Float::INFINITY]], redis.zrange('rb:z', 0, -1, withscores: true)
      redis.sadd('rb:s', %w[x y])
      assert_equal Set['x', 'y'], redis.smembers('rb:s')
      assert_equal 'MY own', redis.eval("return {1, {err='MY own'}}", 0)[1].message
      large = 'x' * 100_000
      redis.set('rb:key', large)
      assert_equal large, redis.get('rb:key')
      assert_equal '', redis.echo('')
      redis.rpush('rb:l', (1..2000).to_a)
      assert_equal (1..2000).map(&:to_s), redis.lrange('rb:l', 0, -1)
    end
  end

  def test_every_command_by_its_name
    redis = client
    assert_equal({ 'maxclients' => '10000' }, redis.config_get('maxclients'))
    redis.connection { |own| assert_equal true, own.client_no_evict('off') }
    redis.del('rb:l')
    redis.rpush('rb:l', [2, 1])
    assert_equal %w[1 2], redis.sort_ro('rb:l')
    assert_equal %w[1 2], redis.sort('rb:l')
    assert_equal 'list', redis.type('rb:l')
    assert_kind_of String, redis.object('ENCODING', 'rb:l')
    assert_kind_of String, redis.object_encoding('rb:l')
    assert_equal 1, redis.eval('return 1', 0)
    assert redis.respond_to?(:hgetall)
    refute redis.respond_to?(:nonsense)
    assert_raises(NoMethodError) { redis.nonsense }
    assert_raises(NoMethodError) { redis.config_nonsense }
  end

  # No method of ours takes the place of a command, except these two.
  def test_no_command_is_hidden
    names = client.command_list.grep(/\A[a-z_]+\z/)
    assert_operator names.size, :>, 150
    [Rredis::Client, Rredis::Pipeline, Rredis::Transaction, Rredis::Connection].each do |kind|
      hidden = names.select do |name|
        (kind.method_defined?(name) || kind.private_method_defined?(name)) && kind.instance_method(name).owner != Rredis::Commands
      end
      assert_empty hidden - %w[multi script watch], kind
    end
  end

  def test_options_of_a_command
    redis = client
    redis.del('rb:key')
    assert_nil redis.set('rb:key', 1, xx: true, ex: 60, get: false, keepttl: nil)
    assert_equal true, redis.set('rb:key', 1, nx: true, ex: 60)
    assert_includes 50..60, redis.ttl('rb:key')
    redis.del('rb:h')
    redis.hset('rb:h', name: 'Ada', year: 1815)
    assert_equal({ 'name' => 'Ada', 'year' => '1815' }, redis.hgetall('rb:h'))
    [nil, true, false, Object.new, Float::NAN].each { |wrong| assert_raises(Rredis::ArgumentError) { redis.set('rb:key', wrong) } }
  end

  def test_errors
    redis = client
    redis.del('rb:l')
    redis.rpush('rb:l', 1)
    error = failed(:server, :refused) { redis.incr('rb:l') }
    assert_match(/\AWRONGTYPE /, error.message)
    assert_kind_of Rredis::ServerError, error
    assert_raises(Rredis::ArgumentError) { redis.select(1) }
    assert_raises(Rredis::ConfigError) { Rredis.new('redis://127.0.0.1:1?nonsense=1') }
    assert_raises(Rredis::ArgumentError) { Rredis.new(nonsense: 1) }
    failed(:connect, :not_sent) { Rredis.new('redis://127.0.0.1:1', retry_max: 0).ping }
    # A script that takes 300 ms.
    slow = "local function now() local t = redis.call('TIME') return t[1] * 1e6 + t[2] end " \
           'local begin = now() while now() - begin < 3e5 do end'
    failed(:timeout, :unknown) { redis.call_with({ timeout: 0.05 }, 'EVAL', slow, 0) }
    sleep 0.4
    failed(:timeout, :unknown) { client(command_timeout: 0.05).eval(slow, 0) }
    sleep 0.4
    failed(:timeout, :unknown) { redis.with(command_timeout: 0.05).eval(slow, 0) }
    reply = redis.call_with({ error_reply: true }, 'INCR', 'rb:l')
    assert_kind_of Rredis::ServerError, reply
    other = Rredis.new(URL)
    other.ping
    2.times { other.close }
    failed(:state) { other.ping }
  end

  def test_pipelines
    redis = client
    script = redis.script('return {KEYS[1], ARGV[1]}')
    replies = redis.pipelined do |queue|
      queue.set('rb:n', 1).incr('rb:n')
      queue.lpush('rb:n', 1)
      queue.script(script, keys: ['rb:k'], arguments: [7])
    end
    assert_equal [true, 2], replies[0, 2]
    assert_match(/\AWRONGTYPE /, replies[2].message)
    assert_equal ['rb:k', '7'], replies[3]
    assert_equal [3, 4], redis.multi { |queue| queue.incr('rb:n').incr('rb:n') }
    failed(:aborted, :refused) { redis.multi { |queue| queue.incr('rb:n').call('NONSENSE') } }
    assert_raises(Rredis::ArgumentError) { redis.pipelined { |queue| queue.select(1) } }
    assert_equal [], redis.pipelined { nil }
    assert_equal (0...5000).map(&:to_s), redis.pipelined { |queue| 5000.times { |i| queue.echo(i) } }
    assert_equal '4', redis.get('rb:n')
  end

  def test_transactions
    redis = client
    redis.set('rb:n', 0)
    Array.new(4) do
      Thread.new do
        10.times { redis.transact('rb:n') { |now| now.queue.set('rb:n', now.get('rb:n').to_i + 1) } }
      end
    end.each(&:join)
    assert_equal '40', redis.get('rb:n')
    kept = nil
    assert_raises(ZeroDivisionError) do
      redis.transact('rb:n') do |now|
        kept = now
        now.queue.set('rb:n', 'no')
        1 / 0
      end
    end
    failed(:state) { kept.get('rb:n') }
    failed(:watch) { redis.transact('rb:n', timeout: 0.05) { |now| redis.incr('rb:n') && now.queue.set('rb:n', 'no') } }
    assert_operator redis.get('rb:n').to_i, :>, 40
    assert_equal :left, (redis.transact('rb:n') { break :left })
    assert_equal [true], redis.transact { |now| now.queue.set('rb:n', 1) }
  end

  def test_scripts
    redis = client
    redis.script_flush
    script = redis.script("return redis.call('SET', KEYS[1], ARGV[1])")
    assert_equal 40, script.sha.size
    3.times do |i|
      script.run(keys: 'rb:n', arguments: [i])
      assert_equal i.to_s, redis.get('rb:n')
    end
    failed(:server, :unknown) { redis.script("return redis.error_reply('MY own')").run }
  end

  def test_connections
    redis = client
    redis.set('rb:n', 1)
    redis.connection do |connection|
      connection.select(1)
      assert_nil connection.get('rb:n')
      assert_equal 'one', connection.transmit('ECHO', 'one').receive
      assert_equal %w[two three], [connection.transmit_later('ECHO', 'two').transmit('ECHO', 'three').receive, connection.receive]
      assert_equal 'four', connection.transmit_later('ECHO', 'four').receive(5)
      assert_operator connection.fileno, :>, 2
      failed(:again) { connection.tap { |c| c.transmit('BLPOP', 'rb:nothing', 1) }.receive(0.05) }
    end
    connection = redis.connection
    assert_equal '1', Thread.new { connection.get('rb:n') }.value
    connection.close
    failed(:state) { connection.get('rb:n') }
  end

  def test_clients_that_share_connections
    redis = client(pool_max: 2)
    other = redis.with(command_timeout: 1)
    at = redis.at(server: URL.delete_prefix('redis://'))
    assert_equal true, other.ping && at.ping
    assert_operator redis.stat(:connections), :<=, 2
    assert_equal 'primary', redis.servers[0]['role']
    [other, at].each(&:close)
  end

  # Every enumerator of the header that a program may need has its name here.
  def test_every_name_of_the_header_is_here
    skip 'RREDIS_INCLUDE names no folder with the header' unless ENV['RREDIS_INCLUDE']
    header = File.read("#{ENV['RREDIS_INCLUDE']}/rredis.h")
    { 'ERR' => Rredis::Names::STATUSES, 'OUTCOME' => Rredis::Names::OUTCOMES, 'STAT' => Rredis::Names::STATS,
      'OPTION' => Rredis::Names::OPTIONS, 'TOPIC' => Rredis::Names::TOPICS, 'TARGET' => Rredis::Names::TARGETS }.each do |kind, table|
      values = header.scan(/^  RREDIS_#{kind}_[A-Z_]+ = (\d+),/).flatten.map(&:to_i)
      refute_empty values
      assert_equal values, table.values, kind
    end
    times = header.scan(/^  RREDIS_OPTION_([A-Z_]+) = /).flatten.grep(/_MS(_MAX)?\z/).map { |n| n.sub(/_MS/, '').downcase.to_sym }
    assert_equal times, Rredis::Names::TIMES
  end

  # Whatever is made of a reply, and whatever is made for a call, outlives a collection at any moment.
  def test_values_while_memory_is_collected
    redis = client
    redis.del('rb:h', 'rb:z', 'rb:s')
    redis.hset('rb:h', a: 1, b: 2.5)
    redis.zadd('rb:z', 1.5, 'a')
    redis.sadd('rb:s', %w[x y])
    redis.set('rb:key', 'x' * 10_000)
    GC.stress = true
    assert_equal({ 'a' => '1', 'b' => '2.5' }, redis.hgetall('rb:h'))
    assert_equal [['a', 1.5]], redis.zrange('rb:z', 0, -1, withscores: true)
    assert_equal Set['x', 'y'], redis.smembers('rb:s')
    assert_equal 10_000, redis.get(:'rb:key').size
    assert_equal [true, '7', { 'a' => '1', 'b' => '2.5' }],
                 redis.pipelined { |queue| queue.set('rb:n', 7, ex: 60).get('rb:n').hgetall(:'rb:h') }
    error = assert_raises(Rredis::ServerError) { redis.incr('rb:h') }
    GC.stress = false
    assert_match(/WRONGTYPE/, error.message)
  ensure
    GC.stress = false
  end

  # A call that waits for a connection finds its arguments where they were, although others have moved meanwhile.
  def test_arguments_while_memory_is_compacted
    skip 'this Ruby does not compact' unless GC.respond_to?(:compact)
    redis = client(pool_max: 1, command_timeout: 60)
    own = client.connection
    script = redis.script('return ARGV[1]')
    held = redis.connection
    garbage = Array.new(200_000) { Object.new }
    # Nothing but the call refers to the text of a Symbol.
    calls = [->(text) { redis.echo(text.to_sym) }, ->(text) { redis.call_with({ idempotent: true }, :ECHO, text.to_sym) },
             ->(text) { script.run(arguments: [text.to_sym]) },
             ->(text) { redis.transact(text.to_sym) { |now| break now.echo(text.to_sym) } }]
    waits = calls.flat_map { |call| Array.new(10) { |i| Thread.new { [call.call("text #{i}"), "text #{i}"] } } }
    # The calls of one connection wait for each other.
    waits << Thread.new { [own.blpop('rb:nothing', 1), nil] }
    waits += Array.new(10) { |i| Thread.new { [own.echo(:"own #{i}"), "own #{i}"] } }
    sleep 0.2
    garbage.clear
    GC.start
    GC.compact
    held.close
    assert_equal waits.map { |wait| wait.value[1] }, waits.map { |wait| wait.value[0] }
    own.close
  end

  # The texts that a call is given stay the caller's, short ones and long ones.
  def test_arguments_stay_as_they_are
    redis = client
    ['x' * 10, 'x' * 10_000].each do |text|
      given = text.dup
      redis.set('rb:key', given)
      redis.pipelined { |queue| queue.set('rb:key', given) }
      refute given.frozen?
      given << 'more'
      assert_equal text, redis.get('rb:key')
    end
    assert_equal %w[GET rb:key], redis.command_getkeys('GET', 'rb:key').unshift('GET')
  end
end
