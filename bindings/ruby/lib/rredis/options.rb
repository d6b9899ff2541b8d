# frozen_string_literal: true

module Rredis
  # The options of a client: those of rredis.h in lower case and without _MS, as keywords. A time is in seconds, or nil for
  # "for ever" or "never"; a value that is an enumerator is a Symbol, such as read_from: :any.
  class Options
    attr_reader :address

    # The settings that a pool has, and not each client of it.
    POOLED = %i[credentials].freeze

    # The functions of a program's: their closures must live as long as a client that was made with them.
    attr_reader :closures

    def initialize(url, settings)
      @address = C.options_new
      @err = "\0" * 256
      @closures = []
      check C.options_set_url(@address, url, url.bytesize, @err) if url
      settings.each { |name, value| set(name, value) }
    rescue StandardError
      free
      raise
    end

    def set(name, value)
      case name
      when :credentials then credentials(value)
      when :on_event, :on_push then listener(name, value)
      else
        number = Names::OPTIONS.fetch(name) { raise Failing.new(:argument, "there is no option #{name}") }
        value.is_a?(String) ? check(C.options_set_str(@address, number, value, value.bytesize, @err)) : integer(name, number, value)
      end
    end

    # Whether a function of Ruby's may be called during a call.
    def functions? = !@closures.empty?

    def to_url
      out = "\0" * 8
      check C.options_to_url(@address, out, @err)
      Reply.take(out.unpack1('J'))
    end

    # The function that is asked while a call waits is Ruby's own rb_thread_interrupted: whether anybody, a signal included,
    # wants something of the thread that is its user_data. It neither needs the lock nor runs Ruby. A block would not do: Ruby
    # raises Interrupt from the main thread's block, or on the way out of it, and unwinds the library's frames.
    #
    # The extension has a function of its own, which lets Ruby run the handlers of signals while the call goes on waiting. It asks
    # about the thread that waits, whichever that is, and looks at the Flag that is its user_data.
    def interrupted_by(thread)
      C::NATIVE ? interrupt(Native::INTERRUPTED, 0) : interrupt(INTERRUPTED, Fiddle.dlwrap(thread))
    end

    # A wait is also ended by a flag. Whoever shares always has no such function, and waits.
    def ended_by(flag)
      return if integer_of(:share) == Names::VALUES[:share][:always]

      interrupt(C::NATIVE ? Native::INTERRUPTED : Flag::SET, flag.address)
    end

    INTERRUPTED = Fiddle::Handle::DEFAULT['rb_thread_interrupted']

    # A text in C's memory that is empty until a wait is to end. The length of a text is a function of C's own.
    class Flag
      SET = Fiddle::Handle::DEFAULT['strlen']

      def initialize
        @text = Fiddle::Pointer.malloc(2, Fiddle::RUBY_FREE)
        @text[0, 2] = "\0\0"
      end

      def address = @text.to_i
      def set = @text[0] = 1
      def clear = @text[0] = 0
    end

    # Replies to a command are to be as the server sent them: the callback, which says that it has succeeded, keeps them.
    def raw(command)
      check C.options_set_callback(@address, command, command.bytesize, Flag::SET, EMPTY.address, 0, @err)
    end

    EMPTY = Flag.new
    private_constant :EMPTY

    def self.milliseconds(seconds) = seconds.nil? ? -1 : (seconds * 1000).ceil

    def free
      C.options_free(@address)
      @address = 0
    end

    private

    def check(status)
      raise Failing.made(@err) unless status.zero?
    end

    def interrupt(function, data)
      check C.options_on_interrupt(@address, function, data, 0, @err)
    end

    def integer_of(name)
      out = "\0" * 8
      check C.options_get_int(@address, Names::OPTIONS[name], out, @err)
      out.unpack1('q')
    end

    def integer(name, number, value)
      value = Names::VALUES[name].fetch(value) { raise Failing.new(:argument, "#{value} is no #{name}") } if value.is_a?(Symbol)
      value = Options.milliseconds(value) if Names::TIMES.include?(name)
      value = { true => 1, false => 0 }.fetch(value, value)
      check C.options_set_int(@address, number, value, @err)
    end

    def credentials(function)
      closure = Aside.closure(Fiddle::TYPE_INT32_T, 5) do |_, endpoint, endpoint_len, builder, err|
        user, password = Aside.guarded(err) { function.call(C.read(endpoint, endpoint_len)) } || (next 80)
        user ? C.builder_add_text(builder, 10, user, user.bytesize) : C.builder_add_null(builder)
        C.builder_add_text(builder, 10, password, password.bytesize)
        0
      end
      @closures << closure
      check C.options_set_credentials(@address, closure.to_i, 0, 0, @err)
    end

    def listener(name, function)
      closure = Aside.closure(Fiddle::TYPE_VOID, 2) do |_, reply|
        Aside.guarded { function.call(Reply.value(reply)) }
        nil
      end
      @closures << closure
      check(name == :on_event ? C.options_on_event(@address, closure.to_i, 0, 0, @err)
                              : C.options_on_push(@address, closure.to_i, 0, 0, @err))
    end
  end
end
