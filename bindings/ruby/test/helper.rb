# frozen_string_literal: true

$LOAD_PATH.unshift File.expand_path('../lib', __dir__)
require 'minitest/autorun'
require 'socket'
require 'timeout'
require 'rredis'

# A shell in the background starts its programs with SIGINT ignored.
trap('INT', 'DEFAULT')

# What the tests share: a client of the server of RREDIS_URL, and the number of turns of a long test.
module Helper
  URL = ENV.fetch('RREDIS_URL', 'redis://127.0.0.1:6379')
  SHORT = !ENV.fetch('RREDIS_SHORT', '').empty?

  def client(**options) = (@clients ||= []).push(Rredis.new(URL, **options)).last
  def count(long, short) = SHORT ? short : long

  # A client of a server that accepts and never says anything, until it hears.
  def deaf(**options)
    @deaf ||= TCPServer.new('127.0.0.1', 0)
    (@clients ||= []).push(Rredis.new("redis://127.0.0.1:#{@deaf.addr[1]}", connect_timeout: 30, command_timeout: 30, **options)).last
  end

  def hear = @deaf&.close

  def teardown
    hear
    @clients&.each(&:close)
    super
  end

  # Until the block is true.
  def eventually(what)
    2000.times do
      return if yield

      sleep 0.005
    end
    flunk "never: #{what}"
  end

  def failed(status, outcome = nil, &block)
    error = assert_raises(Rredis::Error, &block)
    assert_equal status, error.status
    assert_equal outcome, error.outcome if outcome
    error
  end
end
