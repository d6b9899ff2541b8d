# frozen_string_literal: true

require 'set'

module Rredis
  # Replies as values of Ruby's: nil, Integer, true and false, Float, String, Array, Set, Hash; an error within a reply is a
  # ServerError, which is not raised.
  module Reply
    NODE = 48
    ENCODING = Encoding.default_external

    module_function

    # The value of a reply, which is freed.
    def take(address)
      value(address)
    ensure
      C.reply_free(address)
    end

    # The value of a whole reply, or of a part of one.
    def value(address)
      node = C.read(address, NODE)
      kind, len, str = node.unpack('lx4J2')
      if kind < 20 then scalar(kind, node, kind == 2 ? '' : text(str, len))
      else
        size = NOTHING.dup
        base = C.reply_bytes(address, size)
        base.zero? ? part(address) : Whole.new(C.read(base, size.unpack1('J')), base).node(address - base)
      end
    end

    NOTHING = ("\0" * 8).b.freeze

    # A part of a reply is copied, so as to be whole.
    def part(address)
      out = NOTHING.dup
      err = "\0" * 256
      raise Failing.made(err) unless C.reply_clone(address, out, err).zero?

      take(out.unpack1('J'))
    end

    def text(str, len)
      len.zero? ? String.new(encoding: ENCODING) : C.read(str, len).force_encoding(ENCODING)
    end

    def scalar(kind, node, text)
      case kind
      when 10, 11, 13 then text
      when 1 then node.unpack1('@32q')
      when 0 then nil
      when 2 then node.unpack1('@32q') == 1
      when 15 then node.unpack1('@40d')
      when 14 then Integer(text, 10)
      when 12 then ServerError.new(text)
      end
    end

    # A reply with elements, copied at once: the nodes and the texts lie in one piece, which begins at the address base.
    class Whole
      def initialize(bytes, base)
        @bytes = bytes
        @base = base
      end

      def node(at) = of(*@bytes.unpack("@#{at}J4"), at)

      # The kind is the lower half of its word.
      def of(kind, len, str, elements, at)
        kind &= 0xffffffff
        case kind
        when 10, 11 then text(str, len)
        when 20, 23 then children(elements, len)
        when 22 then Hash[*children(elements, len)]
        when 21 then Set.new(children(elements, len))
        else Reply.scalar(kind, @bytes.byteslice(at, NODE), kind > 2 ? text(str, len) : '')
        end
      end

      def text(str, len)
        return String.new(encoding: ENCODING) if len.zero?

        @bytes.byteslice(str - @base, len).force_encoding(ENCODING)
      end

      # The nodes lie in a row.
      def children(elements, len)
        return [] if len.zero?

        at = elements - @base
        words = @bytes.unpack("@#{at}J#{len * 6}")
        Array.new(len) do |index|
          word = index * 6
          kind = words[word] & 0xffffffff
          if kind == 10 && (size = words[word + 1]).positive?
            @bytes.byteslice(words[word + 2] - @base, size).force_encoding(ENCODING)
          else
            of(kind, words[word + 1], words[word + 2], words[word + 3], at + index * NODE)
          end
        end
      end
    end

    def error?(address) = C.read(address, 4).unpack1('l') == 12

    # The address of the first element.
    def elements_of(address) = C.read(address, NODE).unpack1('@24J')

    # The elements of a run. That of a server that was lost says whether its command may have run.
    def results(address)
      list = value(address)
      elements = elements_of(address)
      list.each_with_index do |element, index|
        next if !element.is_a?(Error) || C.reply_attributes(address, elements + NODE * index).zero?

        outcome = element.message.start_with?('NOT_SENT ') ? :not_sent : :unknown
        list[index] = Failing.new(:io, element.message, outcome: outcome)
      end
    end
  end
end
