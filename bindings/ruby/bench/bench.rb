# What a command costs, in processor time of this process, beside redis-rb, redis-rb with hiredis, and a bare call of ffi or
# Fiddle that reads the reply's node and text and frees it. All take turns in one process.
require 'rredis'
require 'redis'
require 'redis/connection/hiredis'
require 'redis/connection/ruby'

URL = ENV.fetch('RREDIS_URL')
TURNS = ENV.fetch('RREDIS_TURNS', '9').to_i
OURS = Rredis.new(URL)
RUBY = Redis.new(url: URL, driver: :ruby)
HIREDIS = Redis.new(url: URL, driver: :hiredis)
VALUE = 'x' * 64

OURS.set('bench:key', VALUE)
OURS.del('bench:list', 'bench:hash')
OURS.rpush('bench:list', (1..1000).map { |i| "element #{i}" })
OURS.hset('bench:hash', (1..50).to_h { |i| [i, VALUE] })

# The least that a call through the language's own means can be: everything that may be made beforehand is.
module Bare
  C = Rredis::C
  OPTIONS = Rredis::Options.new(URL, {})
  OUT = "\0" * 8
  ERR = "\0" * 256
  C.client_new(OPTIONS.address, OUT, ERR)
  CLIENT = OUT.unpack1('J')
  TEXTS = %w[GET bench:key].freeze
  POINTERS = TEXTS.pack('p*')
  LENGTHS = TEXTS.map(&:bytesize).pack('J*')

  def self.get
    C.client_command_with(CLIENT, 2, POINTERS, LENGTHS, 0, 0, 0, OUT, ERR).zero? or raise 'a GET failed'
    reply = OUT.unpack1('J')
    kind, len, str = C.read(reply, 48).unpack('lx4JJ')
    text = C.read(str, len) if kind == 10
    C.reply_free(reply)
    text
  end
end

def cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)

def measure(operations, &block)
  before = cpu
  operations.times { block.call }
  (cpu - before) / operations
end

def threaded(threads, operations, &block)
  before = cpu
  Array.new(threads) { Thread.new { (operations / threads).times { block.call } } }.each(&:join)
  (cpu - before) / operations
end

ROWS = {
  'GET' => [2000, { 'rredis' => -> { OURS.get('bench:key') }, 'redis-rb' => -> { RUBY.get('bench:key') },
                    'its hiredis driver' => -> { HIREDIS.get('bench:key') }, 'a bare call' => -> { Bare.get } }],
  'GET of 8 threads' => [2000, { 'rredis' => -> { OURS.get('bench:key') }, 'redis-rb' => -> { RUBY.get('bench:key') },
                                 'its hiredis driver' => -> { HIREDIS.get('bench:key') } }],
  'SET' => [2000, { 'rredis' => -> { OURS.set('bench:key', VALUE) }, 'redis-rb' => -> { RUBY.set('bench:key', VALUE) },
                    'its hiredis driver' => -> { HIREDIS.set('bench:key', VALUE) } }],
  '100 GETs in a pipeline' => [40, { 'rredis' => -> { OURS.pipelined { |q| 100.times { q.get('bench:key') } } },
                                     'redis-rb' => -> { RUBY.pipelined { |q| 100.times { q.get('bench:key') } } },
                                     'its hiredis driver' => -> { HIREDIS.pipelined { |q| 100.times { q.get('bench:key') } } } }],
  'LRANGE of 100' => [100, { 'rredis' => -> { OURS.lrange('bench:list', 0, 99) }, 'redis-rb' => -> { RUBY.lrange('bench:list', 0, 99) },
                             'its hiredis driver' => -> { HIREDIS.lrange('bench:list', 0, 99) } }],
  'LRANGE of 1000' => [20, { 'rredis' => -> { OURS.lrange('bench:list', 0, -1) }, 'redis-rb' => -> { RUBY.lrange('bench:list', 0, -1) },
                             'its hiredis driver' => -> { HIREDIS.lrange('bench:list', 0, -1) } }],
  'HGETALL of 50' => [200, { 'rredis' => -> { OURS.hgetall('bench:hash') }, 'redis-rb' => -> { RUBY.hgetall('bench:hash') },
                             'its hiredis driver' => -> { HIREDIS.hgetall('bench:hash') } }]
}.freeze

by = { 'native' => 'the extension', 'ffi' => 'the gem ffi', 'fiddle' => 'Fiddle' }.fetch(Rredis::WAY)
puts "Ruby through #{by}: processor time for one, as a multiple of rredis's, the median of #{TURNS} turns", ''
puts format('  %-24s %10s %10s %20s %12s', '', 'rredis', 'redis-rb', 'its hiredis driver', 'a bare call')
ROWS.each do |row, (operations, ways)|
  costs = ways.to_h { |name, _| [name, []] }
  (0..TURNS).each do |turn|
    ways.each do |name, way|
      cost = row.include?('threads') ? threaded(8, operations, &way) : measure(operations, &way)
      costs[name] << cost if turn.positive?
    end
  end
  medians = costs.transform_values { |all| all.sort[all.size / 2] }
  ratios = ['rredis', 'redis-rb', 'its hiredis driver', 'a bare call'].map do |name|
    medians[name] ? format('%.2f', medians[name] / medians['rredis']) : ''
  end
  puts format('  %-24s %10s %10s %20s %12s', row, *ratios)
end
