# frozen_string_literal: true

module Rredis
  # Arguments as the library takes them: a count, pointers and lengths.
  module Arguments
    # Commands that end in pairs of data: hset(key, name: 'Ada') means a field "name", and no option NAME.
    PAIRS = %w[HSET HMSET MSET MSETNX XADD].freeze

    module_function

    # The texts of a command: ['SET', key, 1, { ex: 60, nx: true }] is SET key 1 EX 60 NX. An Array stands for its elements,
    # and a Hash of texts for its pairs. nil, true and false are refused, because they may mean several things.
    def texts(arguments, options = nil)
      return arguments if (options.nil? || options.empty?) && arguments.all?(String)

      made = []
      arguments.each { |argument| add(made, argument) }
      return made if options.nil? || options.empty?

      if PAIRS.include?(made[0]&.upcase) then add(made, options)
      else options.each { |name, value| option(made, name, value) }
      end
      made
    end

    def add(made, argument)
      case argument
      when String then made << argument
      when Symbol, Integer then made << argument.to_s
      when Float then made << float(argument)
      when Array, Set then argument.each { |each| add(made, each) }
      when Hash then argument.each { |key, value| add(made, key); add(made, value) }
      else
        unless argument.respond_to?(:to_str)
          raise Failing.new(:argument, "#{argument.class} is no argument of a command: text and numbers are")
        end

        made << argument.to_str
      end
    end

    def option(made, name, value)
      return if value.nil? || value == false

      made << name.to_s.upcase
      add(made, value) unless value == true
    end

    def float(number)
      raise Failing.new(:argument, 'NaN is no argument of a command') if number.nan?
      return number.positive? ? 'inf' : '-inf' if number.infinite?

      number.to_s
    end

    # The addresses and the lengths of the texts, which are copied: what only an Array refers to is moved by a collection that
    # compacts, and another thread may change a text meanwhile. The addresses are valid for as long as their String is reachable.
    def passed(texts)
      sizes = texts.map(&:bytesize)
      bytes = texts.pack('a*' * sizes.size, buffer: String.new(capacity: ROOM))
      return passed(texts) if bytes.bytesize != sizes.sum

      at = [bytes].pack('p').unpack1('J')
      pointers = sizes.map { |size| (at += size) - size }.pack('J*')
      pointers.instance_variable_set(:@bytes, bytes)
      [pointers, sizes.pack('J*')]
    end

    # A text of this size lies outside of its object, and so stays where it is when that moves.
    ROOM = 1024
    private_constant :ROOM
  end
end
