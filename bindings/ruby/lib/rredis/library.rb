# frozen_string_literal: true

require 'fiddle'

module Rredis
  # How the library is called. The extension in C does what costs most, and Fiddle, which comes with Ruby, the rest. Without the
  # extension the gem ffi does all of it, at a fifth of the cost of Fiddle, which does it otherwise. RREDIS_RUBY asks for one of
  # native, ffi and fiddle.
  WAY = %w[native ffi fiddle].find do |way|
    next if ENV.fetch('RREDIS_RUBY', way) != way

    require(way == 'native' ? 'rredis/native' : way)
    true
  rescue LoadError
    raise if ENV['RREDIS_RUBY'] == way
  end || raise(LoadError, "RREDIS_RUBY is #{ENV['RREDIS_RUBY']}: native, ffi and fiddle are known")

  # The functions of the library, without their rredis_. An argument is a handle's address (0 for NULL), a number, or a String
  # that the function reads or writes; nil is NULL.
  #
  # A function that may wait gives up the lock of the interpreter meanwhile, so that other threads run. The others keep it: to
  # give it up costs more than they do.
  module C
    # h: a handle's address. s: a String's bytes, or nil. i: int32_t. u: uint32_t. l: int64_t. z: size_t. v: nothing.
    QUICK = {
      version: 'p', version_number: 'u', status_name: 'pi',
      options_new: 'h', options_free: 'vh', options_set_int: 'ihils', options_set_str: 'ihiszs',
      options_set_url: 'ihszs', options_get_int: 'ihiss', options_to_url: 'ihss',
      options_on_interrupt: 'ihhhhs', options_set_credentials: 'ihhhhs', options_on_push: 'ihhhhs', options_on_event: 'ihhhhs',
      options_set_callback: 'ihszhhhs',
      pool_new: 'ihss', pool_free: 'vh', pool_stat: 'lhi', pool_drop_idle: 'vh',
      client_new: 'ihss', client_new_on: 'ihhss', client_free: 'vh', client_stat: 'lhi', client_wake: 'zhh',
      reply_free: 'vh', reply_attributes: 'hhh', reply_bytes: 'hhs', reply_clone: 'ihss',
      callback_builtin: 'izsshss', command_flags: 'izssss',
      builder_add_null: 'vh', builder_add_text: 'vhisz',
      pipeline_new: 'ihss', pipeline_free: 'vh', pipeline_clear: 'vh', pipeline_wake: 'zh', pipeline_add_with: 'ihzssuhs',
      script_new: 'iszss', script_sha: 'ph', script_free: 'vh', script_add_with: 'ihhzzssuhs',
      conn_free: 'vh', conn_wake: 'zh', conn_fd: 'ih', pipeline_failed: 'lh',
      pubsub_new: 'ihss', pubsub_free: 'vh', pubsub_fd: 'ih', pubsub_wake: 'vh'
    }.freeze
    WAITING = {
      client_new_at: 'ihiszss', client_servers: 'ihss', client_command_with: 'ihzssulhss', pool_warm: 'ihzs',
      pipeline_watch: 'ihzsss', pipeline_command: 'ihzssss', pipeline_run_with: 'ihiulss', pipeline_run_each: 'ihulhhs',
      conn_new: 'ihss', conn_command_with: 'ihzssulhss', conn_send_with: 'ihzssus', conn_receive: 'ihlss',
      script_run_with: 'ihhzzssulhss',
      pubsub_subscribe: 'ihizsss', pubsub_unsubscribe: 'ihizsss', pubsub_next: 'ihlss'
    }.freeze

    # Where the library is: RREDIS_LIBRARY names it, or the system finds it.
    NAME = ENV.fetch('RREDIS_LIBRARY', 'librredis.so.1')

    # Through the gem ffi.
    module WithFFI
      TYPES = { 'h' => :size_t, 's' => :pointer, 'i' => :int32, 'u' => :uint32, 'l' => :int64, 'z' => :size_t,
                'v' => :void, 'p' => :string }.freeze

      def load_all
        extend FFI::Library
        ffi_lib NAME
        attach(QUICK, false)
        attach(WAITING, true)
      end

      def read(address, size) = FFI::Pointer.new(address).get_bytes(0, size)

      private

      def attach(functions, blocking)
        functions.each do |name, types|
          result, *arguments = types.chars.map { |type| TYPES[type] }
          attach_function(name, :"rredis_#{name}", arguments, result, blocking: blocking)
        end
      end
    end

    # Through Ruby's own Fiddle.
    module WithFiddle
      TYPES = { 'h' => Fiddle::TYPE_UINTPTR_T, 's' => Fiddle::TYPE_VOIDP, 'i' => Fiddle::TYPE_INT32_T,
                'u' => -Fiddle::TYPE_INT, 'l' => Fiddle::TYPE_INT64_T, 'z' => Fiddle::TYPE_SIZE_T, 'v' => Fiddle::TYPE_VOID,
                'p' => Fiddle::TYPE_CONST_STRING }.freeze

      def load_all
        @library = Fiddle.dlopen(NAME)
        attach(QUICK, true)
        attach(WAITING, false)
      end

      def read(address, size) = Fiddle::Pointer.new(address)[0, size]

      private

      def attach(functions, need_gvl)
        functions.each do |name, types|
          result, *arguments = types.chars.map { |type| TYPES[type] }
          function = Fiddle::Function.new(@library["rredis_#{name}"], arguments, result, need_gvl: need_gvl)
          define_singleton_method(name, &function.method(:call))
        end
      end
    end

    extend WAY == 'ffi' ? WithFFI : WithFiddle
    load_all
    # An extension that was built for a later library stays unused.
    NATIVE = WAY == 'native' && Native.open(NAME)
    singleton_class.prepend(Native::Functions) if NATIVE
  end

  # The version of the library, such as "8.0.0".
  LIBRARY_VERSION = C.version
end
