# Ruby's Fiddle: Ctrl-C, Timeout and Thread#kill end a wait.
# ruby interrupt.rb LIBRARY HOST PORT
#
# Two waits that are to be ended by SIGINT, and then one by Timeout; a line is printed when one has ended.
require 'fiddle'
require 'timeout'

LIBRARY = Fiddle.dlopen(ARGV[0])
P, I, Z, V = Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT, Fiddle::TYPE_SIZE_T, Fiddle::TYPE_VOID
OK = 0

# The function that is asked while a call waits is Ruby's own rb_thread_interrupted: whether anybody, a signal included, wants
# something of the thread that is its user_data. It neither needs the lock nor runs Ruby. A block would not do: Ruby raises
# Interrupt from the main thread's block, or on the way out of it, even under handle_interrupt, and unwinds the library's frames.
INTERRUPTED = Fiddle::Handle::DEFAULT['rb_thread_interrupted']

def function(name, result, *arguments)
  Fiddle::Function.new(LIBRARY[name], arguments, result)
end

OPTIONS_NEW = function('rredis_options_new', P)
OPTIONS_FREE = function('rredis_options_free', V, P)
SET_URL = function('rredis_options_set_url', I, P, P, Z, P)
ON_INTERRUPT = function('rredis_options_on_interrupt', I, P, P, P, P, P)
POOL_NEW = function('rredis_pool_new', I, P, P, P)
POOL_FREE = function('rredis_pool_free', V, P)
CLIENT_NEW_ON = function('rredis_client_new_on', I, P, P, P, P)
CLIENT_FREE = function('rredis_client_free', V, P)
COMMAND = function('rredis_client_command', I, P, Z, P, P, P, P)
REPLY_FREE = function('rredis_reply_free', V, P)

class Failure < StandardError; end

def room(size) = Fiddle::Pointer.malloc(size, Fiddle::RUBY_FREE).tap { |pointer| pointer[0, size] = "\0" * size }

# Call a function whose last arguments are an out and an err, and give what it wrote to out.
def made(function, *arguments)
  out, err = room(8), room(256)
  raise Failure, err[16, 240].unpack1('Z*') unless function.call(*arguments, out, err) == OK
  out.ptr
end

def pool(url)
  options, err = OPTIONS_NEW.call, room(256)
  raise Failure, err[16, 240].unpack1('Z*') unless SET_URL.call(options, url, url.bytesize, err) == OK
  made(POOL_NEW, options)
ensure
  OPTIONS_FREE.call(options)
end

# A client for this thread alone. The threads' clients share the connections of the pool.
class Client
  def initialize(pool)
    options = OPTIONS_NEW.call
    @thread = Thread.current
    ON_INTERRUPT.call(options, INTERRUPTED, Fiddle.dlwrap(@thread), nil, nil)
    @client = made(CLIENT_NEW_ON, pool, options)
  ensure
    OPTIONS_FREE.call(options)
  end

  # Whatever ended the wait is raised by Ruby itself as soon as the library is left, before the status is looked at.
  def command(*args)
    argv = args.map { |arg| Fiddle::Pointer[arg].to_i }.pack('Q*')
    out, err = room(8), room(256)
    raise Failure, err[16, 240].unpack1('Z*') unless COMMAND.call(@client, args.size, argv, nil, out, err) == OK
    yield out.ptr if block_given?
  ensure
    REPLY_FREE.call(out.ptr) if out
  end

  def free = CLIENT_FREE.call(@client)
end

def say(words)
  puts words
  $stdout.flush
end

pool = pool("redis://#{ARGV[1]}:#{ARGV[2]}?pool_max=1")
client = Client.new(pool)

begin
  client.command('BLPOP', 'rb:nothing', '0')
rescue Interrupt
  say 'main: Interrupt'
end
client.command('PING')

worker = Thread.new do
  own = Client.new(pool)
  own.command('BLPOP', 'rb:nothing', '0')
ensure
  own.free
end
begin
  worker.join
rescue Interrupt
  worker.kill
  worker.join
  say "worker: #{worker.status}"
end
client.command('PING')

begin
  Timeout.timeout(0.2) { client.command('BLPOP', 'rb:nothing', '0') }
rescue Timeout::Error
  say 'main: Timeout::Error'
end
client.command('PING')
client.free
POOL_FREE.call(pool)
