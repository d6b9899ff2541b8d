# frozen_string_literal: true

require_relative 'helper'

class TestCallbacks < Minitest::Test
  include Helper

  class Mine < StandardError; end

  def test_response_callbacks
    redis = client
    redis.on_response('echo') do |response|
      case response.arguments[1]
      when 'raise' then raise Mine, 'mine'
      when 'throw' then throw :out, 7
      when 'nested' then redis.echo('inner')
      else [response.arguments, response.reply]
      end
    end
    assert_equal [%w[ECHO x], 'x'], redis.echo('x')
    assert_equal [%w[ECHO inner], 'inner'], redis.echo('nested')
    assert_raises(Mine) { redis.echo('raise') }
    assert_raises(Mine) { redis.pipelined { |queue| queue.ping.echo('raise') } }
    assert_equal 7, (catch(:out) { redis.echo('throw') })
    assert_equal [true, [%w[ECHO y], 'y']], redis.pipelined { |queue| queue.ping.echo('y') }
    assert_equal [[%w[ECHO z], 'z']], redis.multi { |queue| queue.echo('z') }
    assert_equal [[%w[ECHO z], 'z']], redis.transact { |now| now.queue.echo('z') }
    redis.del('rb:h')
    redis.hset('rb:h', { a: 1 })
    redis.on_response('HGETALL') { |response| response.builtin.size }
    redis.on_response('CONFIG GET') { |response| response.builtin.keys }
    assert_equal 1, redis.hgetall('rb:h')
    assert_equal ['maxclients'], redis.config_get('maxclients')
    redis.on_response('HGETALL')
    assert_equal({ 'a' => '1' }, redis.hgetall('rb:h'))
    redis.set('rb:h', 1)
    error = assert_raises(Rredis::ServerError) { redis.hgetall('rb:h') }
    assert_match(/WRONGTYPE/, error.message)
  end

  # Wherever a command runs at once or in a queue, and in both protocols, the callback is shown what the server sent.
  def test_response_callbacks_are_those_of_all_that_is_made_of_a_client
    [2, 3].each do |protocol|
      redis = client(protocol: protocol)
      redis.del('rb:h')
      redis.hset('rb:h', a: 1)
      sent = protocol == 2 ? %w[a 1] : { 'a' => '1' }
      built = { 'a' => '1' }
      redis.on_response('HGETALL') { |response| [response.reply, response.builtin] }
      redis.on_response('CONFIG GET') { |response| response.builtin.keys }
      redis.on_response('EVALSHA') { |response| [response.arguments.drop(2), response.reply] }
      redis.on_response('INCR') { flunk 'a server\'s error is shown' }
      shown = [sent, built]
      assert_equal shown, redis.hgetall('rb:h')
      assert_equal shown, redis.with(command_timeout: 1).tap { |other| @clients << other }.hgetall('rb:h')
      assert_equal shown, redis.at(key: 'rb:h').tap { |other| @clients << other }.hgetall('rb:h')
      assert_equal sent, redis.call_with({ raw: true }, 'HGETALL', 'rb:h')
      assert_equal [sent], redis.pipelined(raw: true) { |queue| queue.hgetall('rb:h') }
      assert_kind_of Rredis::ServerError, redis.call_with({ error_reply: true }, 'INCR', 'rb:h')
      2.times do
        assert_equal [shown], (redis.transact('rb:h') { |now| assert_equal shown, now.hgetall('rb:h'); now.queue.hgetall('rb:h') })
      end
      assert_equal ['maxclients'], (redis.transact('rb:h') { |now| break now.config_get('maxclients') })
      script = redis.script('return ARGV[1]')
      assert_equal [%w[1 k x], 'x'], script.run(keys: 'k', arguments: ['x'])
      assert_equal [[%w[0 y], 'y']], redis.pipelined { |queue| queue.script(script, arguments: ['y']) }
      redis.connection do |own|
        assert_equal shown, own.hgetall('rb:h')
        own.multi
        assert_equal 'QUEUED', own.hgetall('rb:h')
        own.incr('rb:h')
        own.ping
        own.config_get('maxclients')
        own.object('ENCODING', 'rb:h')
        replies = own.call('EXEC')
        assert_equal [shown, true, ['maxclients']], replies.values_at(0, 2, 3)
        assert_kind_of Rredis::ServerError, replies[1]
        own.watch('rb:h')
        own.multi
        own.hgetall('rb:h')
        redis.hset('rb:h', a: 1)
        assert_nil own.call('EXEC')
        assert_equal shown, own.hgetall('rb:h')
        assert_equal sent, own.call_with({ raw: true }, 'HGETALL', 'rb:h')
      end
      redis.on_response('HGETALL')
      assert_equal [built], (redis.transact('rb:h') { |now| assert_equal built, now.hgetall('rb:h'); now.queue.hgetall('rb:h') })
    end
  end

  def test_what_a_handler_raises_leaves_the_wait
    redis = client
    subscriber = redis.subscriber
    got = Queue.new
    subscriber.subscribe('rb:news') { |message| message.payload == 'raise' ? raise(Mine) : got << message }
    subscriber.psubscribe('rb:p*') { |message| got << message }
    runner = Thread.new { subscriber.run }
    runner.report_on_exception = false
    eventually('it is subscribed') { redis.publish('rb:news', 'x').positive? }
    eventually('and to the pattern') { redis.publish('rb:people', 'y').positive? }
    assert_equal Rredis::Message.new(:message, nil, 'rb:news', 'x', nil), got.pop
    assert_equal Rredis::Message.new(:pmessage, 'rb:p*', 'rb:people', 'y', nil), got.pop
    redis.publish('rb:news', 'raise')
    assert_raises(Mine) { runner.value }
    subscriber.close
  end

  def test_both_protocols_give_messages_and_confirmations
    [2, 3].each do |protocol|
      redis = client(protocol: protocol, pubsub_confirmations: true)
      subscriber = redis.subscriber
      subscriber.subscribe('rb:news')
      assert_equal Rredis::Message.new(:subscribe, nil, 'rb:news', 1, nil), subscriber.next_message
      redis.publish('rb:news', "\xff\0")
      assert_equal "\xff\0".b, subscriber.next_message.payload.b
      subscriber.unsubscribe
      assert_equal :unsubscribe, subscriber.next_message.kind
      assert_nil subscriber.next_message(0)
      subscriber.close
    end
  end

  def test_a_run_that_keeps_no_reply
    redis = client
    script = redis.script('return ARGV[1]')
    queue = redis.pipeline
    queue.set('rb:n', 1).incr('rb:n').lpush('rb:n', 1).script(script, arguments: ['z'])
    seen = []
    assert_same queue, queue.run_each { |index, reply| seen << [index, reply] }
    assert_equal [[0, true], [1, 2]], seen.first(2)
    assert_equal [2, Rredis::ServerError, [3, 'z']], [seen[2][0], seen[2][1].class, seen[3]]
    assert_equal 0, queue.size
    count = 0
    2000.times { |i| queue.echo(i) }
    queue.run_each { |index, reply| count += 1 if reply == index.to_s }
    assert_equal 2000, count
    redis.on_response('ECHO') { |response| [response.reply] }
    queue.echo('x').run_each { |_, reply| seen = reply }
    assert_equal ['x'], seen
    assert_raises(Mine) { queue.ping.ping.run_each { |index, _| raise Mine, 'mine' if index == 1 } }
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { queue.blpop('rb:nothing', 0).run_each {} } }
    assert_equal true, redis.ping
  end

  def test_a_failed_run_tells_which_command
    error = assert_raises(Rredis::AbortedError) { client.multi { |queue| queue.ping.call('NOSUCH') } }
    assert_equal 1, error.index
  end

  def test_events
    events = []
    redis = client(on_event: ->(event) { events << event })
    redis.ping
    assert_equal ['connected'], events.map(&:first)
    failing = client(on_event: ->(_) { raise Mine, 'event' })
    assert_raises(Mine) { failing.ping }
    assert_equal true, failing.ping
  end

  def test_credentials
    asked = []
    redis = client(credentials: ->(endpoint) { asked << endpoint; ['default', 'any'] })
    assert_equal true, redis.ping
    assert_equal [URL.delete_prefix('redis://')], asked
    failing = client(credentials: ->(_) { raise Mine, 'no vault' })
    assert_raises(Mine) { failing.ping }
    thrown = client(credentials: ->(_) { throw :out })
    assert_raises(UncaughtThrowError) { catch(:out) { thrown.ping } }
    returned = client(credentials: proc { next %w[default any] })
    assert_equal true, returned.ping
  end
end
