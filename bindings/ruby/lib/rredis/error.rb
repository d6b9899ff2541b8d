# frozen_string_literal: true

module Rredis
  # Why a call failed, and whether its command ran. Each status has a class of its own: Rredis::TimeoutError, ServerError, ...
  class Error < StandardError
    # status: a Symbol of Names::STATUSES. outcome: :none, :not_sent, :refused, :unknown or :ran. os_error: errno, or 0.
    # attempts: how many times the command was tried.
    attr_reader :status, :outcome, :os_error, :attempts

    # Of a run that failed: the index of the command that could not be queued or has no reply, from 0, or nil.
    attr_accessor :index

    def initialize(message, status: :server, outcome: :none, os_error: 0, attempts: 0)
      @status = status
      @outcome = outcome
      @os_error = os_error
      @attempts = attempts
      super(message)
    end
  end

  # :nodoc:
  module Failing
    CLASSES = Names::STATUSES.keys.to_h do |status|
      name = status.length <= 3 ? status.upcase : status.capitalize
      [status, Rredis.const_set("#{name}Error", Class.new(Error))]
    end.freeze
    STATUS_OF = Names::STATUSES.invert.freeze
    OUTCOME_OF = Names::OUTCOMES.invert.freeze

    module_function

    # The exception of a status and what an rredis_error says beside it.
    def made(err)
      status, outcome, os_error, attempts = err.unpack('llll')
      status = STATUS_OF.fetch(status, :panic)
      message = err.unpack1('@16Z*').force_encoding(Encoding::UTF_8)
      CLASSES[status].new(message, status: status, outcome: OUTCOME_OF.fetch(outcome, :unknown), os_error: os_error,
                                   attempts: attempts)
    end

    def new(status, message, outcome: :not_sent) = CLASSES[status].new(message, status: status, outcome: outcome)
  end
end
