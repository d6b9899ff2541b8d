# What a program does with librredis: a map, a pipeline, a transaction, a script, messages, and a wait that is ended.
require 'rredis'
require 'timeout'

redis = Rredis.new(ENV['RREDIS_URL'], command_timeout: 2)

redis.hset('example:user', name: 'Ada', year: 1815)
user = redis.hgetall('example:user')
puts "#{user['name']} #{user['year']}"

p redis.pipelined { |queue| queue.set('example:n', 1, ex: 60).incrby('example:n', 41) }

# Nobody changes the key between the GET and the SET: otherwise the block is called again.
p(redis.transact('example:n') { |now| now.queue.set('example:n', now.get('example:n').to_i * 2) })

p redis.script("return redis.call('GET', KEYS[1]) * ARGV[1]").run(keys: ['example:n'], arguments: [2])

subscriber = redis.subscriber.subscribe('example:news')
sleep 0.001 until redis.publish('example:news', 'extra').positive?
message = subscriber.next_message
puts "#{message.channel} #{message.payload}"
subscriber.close

# Timeout, Ctrl-C and Thread#kill end a wait, and a server's error has a code.
begin
  Timeout.timeout(0.05) { redis.blpop('example:nothing', 0) }
rescue Timeout::Error => e
  puts e.class
end
begin
  redis.incr('example:user')
rescue Rredis::ServerError => e
  puts "#{e.outcome} #{e.message}"
end
