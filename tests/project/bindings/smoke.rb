# Ruby's Fiddle: structs read at their offsets, as the header's layout promises.
# ruby smoke.rb LIBRARY HOST PORT
require 'fiddle'

LIBRARY = Fiddle.dlopen(ARGV[0])
P, I, L, Z, U, V = Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT, Fiddle::TYPE_LONG_LONG, Fiddle::TYPE_SIZE_T, -Fiddle::TYPE_INT, Fiddle::TYPE_VOID

def function(name, result, *arguments)
  Fiddle::Function.new(LIBRARY[name], arguments, result)
end

OPTIONS_NEW = function('rredis_options_new', P)
OPTIONS_FREE = function('rredis_options_free', V, P)
SET_STR = function('rredis_options_set_str', I, P, I, P, Z, P)
SET_INT = function('rredis_options_set_int', I, P, I, L, P)
CLIENT_NEW = function('rredis_client_new', I, P, P, P)
CLIENT_FREE = function('rredis_client_free', V, P)
COMMAND_WITH = function('rredis_client_command_with', I, P, Z, P, P, U, L, P, P, P)
FIND = function('rredis_reply_find', P, P, P, Z)
REPLY_FREE = function('rredis_reply_free', V, P)

OK, ERR_SERVER, REFUSED, RAW = 0, 31, 2, 1
NULL, INTEGER, STRING, STATUS, MAP = 0, 1, 10, 11, 22

# A node of a reply, where it lies.
class Node
  attr_reader :pointer

  def initialize(pointer)
    @pointer = Fiddle::Pointer.new(pointer.to_i)
  end

  def kind = field(0, 4, 'l')
  def len = field(8, 8, 'Q')
  def text = Fiddle::Pointer.new(field(16, 8, 'Q'))[0, len]
  def [](index) = Node.new(field(24, 8, 'Q') + 48 * index)
  def integer = field(32, 8, 'q')
  def to_h = (0...len).step(2).to_h { |i| [self[i].text, self[i + 1].text] }

  private

  def field(at, size, format) = @pointer[at, size].unpack1(format)
end

# What an rredis_error says.
class Failure < StandardError
  attr_reader :status, :outcome

  def initialize(err)
    @status, @outcome, = err[0, 16].unpack('llll')
    super(err[16, 240].unpack1('Z*'))
  end
end

ERR = Fiddle::Pointer.malloc(256, Fiddle::RUBY_FREE)

def check(status)
  raise Failure, ERR unless status == OK
end

# Run a command, and show its reply to the block before it is freed.
def command(client, *args, flags: 0)
  args = args.map(&:b)
  argv = args.map { |arg| Fiddle::Pointer[arg].to_i }.pack('Q*')
  lens = args.map(&:bytesize).pack('Q*')
  out = Fiddle::Pointer.malloc(8, Fiddle::RUBY_FREE)
  check COMMAND_WITH.call(client, args.size, argv, lens, flags, 0, nil, out, ERR)
  reply = Node.new(out.ptr)
  yield reply
ensure
  REPLY_FREE.call(reply.pointer) if reply
end

def expect(truth, what)
  raise "not so: #{what}" unless truth
end

options = OPTIONS_NEW.call
check SET_STR.call(options, 1, ARGV[1], ARGV[1].bytesize, ERR)
check SET_INT.call(options, 2, ARGV[2].to_i, ERR)
out = Fiddle::Pointer.malloc(8, Fiddle::RUBY_FREE)
check CLIENT_NEW.call(options, out, ERR)
client = out.ptr
OPTIONS_FREE.call(options)

# SET and GET, of any bytes.
bytes = "a\0b\xff".b
command(client, 'SET', 'rb:key', bytes, flags: RAW) { |reply| expect(reply.kind == STATUS && reply.text == 'OK', 'SET') }
command(client, 'GET', 'rb:key') { |reply| expect(reply.kind == STRING && reply.text == bytes, 'GET') }
command(client, 'GET', 'rb:absent') { |reply| expect(reply.kind == NULL, 'an absent key') }

# A map, read in place.
command(client, 'DEL', 'rb:hash') {}
command(client, 'HSET', 'rb:hash', 'one', '1', 'two', '2') { |reply| expect(reply.integer == 2, 'HSET') }
command(client, 'HGETALL', 'rb:hash', flags: RAW) do |map|
  expect(map.kind == MAP && map.to_h == { 'one' => '1', 'two' => '2' }, 'a map')
  expect(Node.new(FIND.call(map.pointer, 'two', 3)).text == '2', 'find')
end

# An error: what, in which words, and what became of the command.
begin
  command(client, 'INCR', 'rb:hash') {}
  raise 'INCR of a hash'
rescue Failure => e
  expect(e.status == ERR_SERVER && e.outcome == REFUSED && e.message.start_with?('WRONGTYPE '), 'WRONGTYPE')
end

# Threads of Ruby's, one client.
threads = 4.times.map do |number|
  Thread.new do
    heard = nil
    50.times { |i| command(client, 'ECHO', "#{number}-#{i}") { |reply| heard = reply.text } }
    heard
  end
end
expect(threads.map(&:value) == %w[0-49 1-49 2-49 3-49], 'threads')
CLIENT_FREE.call(client)
