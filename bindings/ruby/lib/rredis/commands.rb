# frozen_string_literal: true

module Rredis
  # Every command by its name, as a method over call: get, hgetall, zrange. The words of a name are joined by underscores:
  # config_get, client_no_evict, xinfo_stream. It becomes a method when it is first called.
  module Commands
    def method_missing(name, *arguments, **options, &block)
      words = Commands.words(name)
      return super unless words

      Commands.define(name, words)
      public_send(name, *arguments, **options, &block)
    end

    def respond_to_missing?(name, all = false) = !Commands.words(name).nil? || super

    # The methods of Object that Redis has commands of.
    %i[eval exec object select sort test type].each do |name|
      define_method(name) { |*arguments, **options| call(name.to_s.upcase, *arguments, **options) }
    end

    # Run the command of a method: over call, which takes its arguments one by one.
    def run_command(arguments, options) = call(*arguments, **options)
    private :run_command

    class << self
      # The words of a command: its name as it is (sort_ro), or a container and its subcommand. nil: there is no such command.
      def words(name)
        text = name.to_s
        return unless text.match?(/\A[a-z][a-z0-9_]*\z/)

        container, rest = text.upcase.split('_', 2)
        [[text.upcase], [container, rest&.tr('_', '-')], [container, rest]].find { |words| words.all? && known?(words) }
      end

      def define(name, words)
        return Native.define(self, name, words.each(&:freeze)) if C::NATIVE

        class_eval("def #{name}(*arguments, **options) = run_command([#{words.map(&:inspect).join(', ')}, *arguments], options)", __FILE__, __LINE__)
      end

      private

      # A container takes any word after it for a subcommand: one that the library knows has properties of its own.
      def known?(words)
        flags = "\0" * 4
        err = "\0" * 256
        status = C.command_flags(words.size, *Arguments.passed(words), flags, err)
        status.zero? && (words.size == 1 || flags.unpack1('L').nobits?(CONTAINER))
      end

      CONTAINER = 2_097_152
      private_constant :CONTAINER
    end
  end
end
