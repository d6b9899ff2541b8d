# frozen_string_literal: true

# A Redis and Valkey client on librredis. See Rredis.new and Rredis::Client.
module Rredis
  # Make a client of a server, of a cluster or of what Sentinels name; it connects when it is first used. The URL is as in
  # rredis.h; the options are those of rredis.h, as keywords in lower case, with times in seconds.
  #
  # Beside them: credentials, a function that is given an endpoint and gives a user name (or nil) and a password; on_event and
  # on_push, functions that are given an Array.
  def self.new(url = nil, **options) = Client.new(url, **options)
end

require 'rredis/names'
require 'rredis/error'
require 'rredis/library'
require 'rredis/arguments'
require 'rredis/reply'
require 'rredis/aside'
require 'rredis/handle'
require 'rredis/options'
require 'rredis/commands'
require 'rredis/client'
require 'rredis/pipeline'
require 'rredis/script'
require 'rredis/connection'
require 'rredis/subscriber'

if Rredis::C::NATIVE
  Rredis::Native.begin
  Rredis::Client.prepend(Rredis::Native::Clients)
  Rredis::Reply.singleton_class.prepend(Rredis::Native::Replies)
end
