# frozen_string_literal: true

module Rredis
  # A handle of the library's that any thread may close: it is freed when nobody uses it any more. Who uses it is kept without a
  # mutex, which a handler of a signal could not take.
  class Handle
    # free: the function of Rredis::C that frees it. kept: what C points at for as long as the handle is there.
    def initialize(free, address, name, kept = nil)
      @address = address
      @name = name
      @users = {}.compare_by_identity
      @kept = kept
      @free = [free]
      ObjectSpace.define_finalizer(self, Handle.finalizer(@free, address, kept))
    end

    def self.finalizer(free, address, _kept) = proc { (name = free.pop) && C.public_send(name, address) }

    # Give the address to the block, during which it stays valid.
    def use(&block)
      held(-> { raise Failing.new(:state, "this #{@name} is closed") if @closed }, &block)
    end

    # Give the address to the block unless the handle is freed already, closed or not.
    def held(check = nil)
      @users[key = Object.new] = Thread.current
      begin
        check&.call
        yield @address unless @free.empty?
      ensure
        @users.delete(key)
        free_unused
      end
    end

    # Free it as soon as it is unused. The block, where there is one, is given the address until the calls of others are over. Nobody
    # waits for a call that waits for this one, nor in a child of fork for one of the parent's.
    def close
      return if @closed

      @closed = true
      held do |address|
        while block_given? && used_by_others?
          yield address
          sleep 0.001
        end
      end
    end

    private

    def used_by_others?
      mine = Aside.callers
      @users.values.any? { |thread| thread.alive? && !mine.include?(thread) }
    end

    # pop gives the name of the function once.
    def free_unused
      return unless @closed && @users.values.none?(&:alive?) && (name = @free.pop)

      C.public_send(name, @address)
      ObjectSpace.undefine_finalizer(self)
    end
  end
end
