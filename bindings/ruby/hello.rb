# Hello: a value is set and read.
require 'rredis'

redis = Rredis.new(ENV['RREDIS_URL'])
redis.set('greeting', 'hello')
puts redis.get('greeting')
