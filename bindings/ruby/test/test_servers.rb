# frozen_string_literal: true

require_relative 'helper'

# A cluster, and what Sentinels name: tools/bindings starts both.
class TestServers < Minitest::Test
  include Helper

  def setup
    @prefix = "rb:#{Process.pid}:"
  end

  def of(name)
    skip "#{name} names no servers: tools/bindings starts them" unless ENV[name]
    (@clients ||= []).push(Rredis.new(ENV.fetch(name), command_timeout: 20)).last
  end

  def test_a_cluster
    redis = of('RREDIS_CLUSTER')
    keys = (1..100).map { |i| "#{@prefix}#{i}" }
    keys.each { |key| assert_equal true, redis.set(key, key, ex: 600) }
    assert_equal keys, keys.map { |key| redis.get(key) }
    assert_equal keys, redis.pipelined { |queue| keys.each { |key| queue.get(key) } }

    cursor = '0'
    found = []
    loop do
      cursor, page = redis.scan(cursor, match: "#{@prefix}*", count: 100)
      found |= page
      break if cursor == '0'
    end
    assert_equal keys.sort, found.sort

    tag = "{#{@prefix}tag}"
    assert_equal [true, 2], redis.multi { |queue| queue.set("#{tag}n", 1).incr("#{tag}n") }
    assert_equal [true], redis.transact("#{tag}n") { |now| now.queue.set("#{tag}n", now.get("#{tag}n").to_i + 1) }
    assert_raises(Rredis::ArgumentError) { redis.multi { |queue| keys.each { |key| queue.get(key) } } }
    assert_equal '3', redis.script('return redis.call("GET", KEYS[1])').run(keys: "#{tag}n")

    servers = redis.servers
    assert_equal({ 'primary' => 3, 'replica' => 3 }, servers.map { |server| server['role'] }.tally)
    one = redis.at(key: keys[0])
    assert_equal keys[0], one.get(keys[0])
    of_each = servers.select { |server| server['role'] == 'primary' }.map { |server| redis.at(server: server['endpoint']) }
    assert_equal 3, of_each.map { |client| client.config_get('port') }.uniq.size
    [one, *of_each].each(&:close)
    [*keys, "#{tag}n"].each { |key| redis.del(key) }
  end

  def test_messages_of_a_cluster
    redis = of('RREDIS_CLUSTER')
    subscriber = redis.subscriber
    shards = (1..5).map { |i| "#{@prefix}shard:#{i}" }
    subscriber.subscribe("#{@prefix}news").psubscribe("#{@prefix}n*").ssubscribe(*shards)
    seen = []
    shards.each { |shard| eventually("a message of #{shard}") { redis.spublish(shard, 'x') && (message = subscriber.next_message(0.1)) && seen << message } }
    redis.publish("#{@prefix}news", 'y')
    eventually('all messages') { (message = subscriber.next_message(0.1)) && seen.push(message) && seen.map(&:kind).uniq.size == 3 }
    assert_equal shards, seen.select { |message| message.kind == :smessage }.map(&:channel).uniq.sort
    subscriber.close
  end

  def test_behind_sentinels
    redis = of('RREDIS_SENTINEL')
    redis.set("#{@prefix}k", 'v', ex: 600)
    assert_equal 'v', redis.get("#{@prefix}k")
    assert_equal 'master', redis.role['role']
    assert_equal %w[primary replica], redis.servers.map { |server| server['role'] }.sort.first(2)
    assert_equal [true, 'w'], redis.multi { |queue| queue.set("#{@prefix}k", 'w').get("#{@prefix}k") }
    subscriber = redis.subscriber.subscribe("#{@prefix}news")
    seen = nil
    eventually('a message') { redis.publish("#{@prefix}news", 'x') && (seen = subscriber.next_message(0.1)) }
    assert_equal 'x', seen.payload
    subscriber.close
    redis.del("#{@prefix}k")
  end
end
