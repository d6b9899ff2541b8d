# frozen_string_literal: true

module Rredis
  # A call during which the library may call Ruby runs on a thread of its own, and the caller waits for that thread as Ruby
  # waits. Whatever is raised in the caller, by Ctrl-C, Thread#kill or Timeout, so never unwinds the frames of the library.
  module Aside
    module_function

    # Run the block on a thread of its own. If the caller is to do something else, wake is called until the block is over. Without a
    # wake nothing ends the block, and the caller leaves it to itself.
    def run(wake)
      result = failed = nil
      caller = Thread.current
      thread = Thread.new do
        Thread.current.thread_variable_set(CALLER, caller)
        result = yield
      rescue Error => e
        failed = e
      end
      begin
        thread.join
      ensure
        wake.call until wake.nil? || thread.join(0.001)
      end
      # What a function raised during the call is raised again where the call was made.
      failed = thread.thread_variable_get(RAISED) || failed
      raise failed if failed

      result
    end

    # Where a thread keeps what a function raised: of the thread and not of a fiber of it.
    RAISED = :rredis_raised

    # Where a thread keeps whose call it makes.
    CALLER = :rredis_caller

    # This thread, whoever waits for the call that it makes, and so on: all of them go on only when this one does.
    def callers
      threads = [Thread.current]
      while (above = threads.last.thread_variable_get(CALLER)) do threads << above end
      threads
    end

    # Fiddle tells C where its own object of the function is. A collection moves no object that has a finalizer.
    def closure(result, arguments, &block)
      types = Array.new(arguments, Fiddle::TYPE_UINTPTR_T)
      closure = Fiddle::Closure::BlockCaller.new(result, types, &block)
      ObjectSpace.define_finalizer(closure, STAYS)
      closure
    end

    STAYS = proc {}
    private_constant :STAYS

    # Run a function of the program for the library. nil: it raised, and err has the text of that.
    #
    # On a fiber of its own nothing leaves it: neither throw nor break nor return, which are errors there.
    def guarded(err = 0)
      thread = Thread.current
      Fiber.new do
        yield
      rescue Exception => e # rubocop:disable Lint/RescueException
        thread.thread_variable_set(RAISED, e)
        write(err, e.message) unless err.zero?
        nil
      end.resume
    end

    # The text of a failure, at the place of err.message.
    def write(err, message)
      text = message.b.byteslice(0, 239)
      Fiddle::Pointer.new(err + 16, 240)[0, text.bytesize + 1] = "#{text}\0"
    end
  end
end
