# frozen_string_literal: true

module Rredis
  # A Lua script, which runs by its digest. Any number of threads may run it.
  class Script
    attr_reader :sha

    # :nodoc:
    attr_reader :address

    def initialize(text, client)
      @client = client
      out = "\0" * 8
      err = "\0" * 256
      client.check C.script_new(text, text.bytesize, out, err), err
      @address = out.unpack1('J')
      @sha = C.script_sha(@address).dup
      ObjectSpace.define_finalizer(self, self.class.finalizer(@address))
    end

    # Run the script. how is as for Client#call_with.
    def run(keys: [], arguments: [], **how)
      keys = Array(keys)
      flags, timeout = @client.flags_of(how)
      texts = Arguments.texts([keys, arguments])
      pointers, lengths = Arguments.passed(texts)
      command = command(texts, keys.size)
      callback = @client.callback_of(command) unless how[:raw]
      flags |= 1 if callback
      @client.with_reply(callback, command) do |slot, out, err|
        C.script_run_with(@address, slot.client, keys.size, texts.size, pointers, lengths, flags, timeout, 0, out, err)
      end
    end
    alias call run

    # :nodoc: What a response callback is told: that of EVALSHA, whatever is sent.
    def command(texts, keys) = ['EVALSHA', @sha, keys.to_s, *texts]

    def self.finalizer(address) = proc { C.script_free(address) }
  end
end
