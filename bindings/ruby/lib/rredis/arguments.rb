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

    # pack('p') keeps no reference: the texts must be reachable until the call is over.
    def pointers(texts) = texts.pack('p*')
    def lengths(texts) = texts.map(&:bytesize).pack('J*')
  end
end
