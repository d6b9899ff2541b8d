# frozen_string_literal: true

# The extension needs the header of librredis, and no library: it opens the one that the rest of the gem has opened. A gem is
# installed without it where there is no compiler or no header.
require 'mkmf'

dir_config('rredis')
$INCFLAGS << " -I#{ENV['RREDIS_INCLUDE']}" if ENV['RREDIS_INCLUDE']
$CFLAGS << ' -std=gnu11 -Wall -Wextra -Wno-unused-parameter'
if have_header('rredis.h')
  create_makefile('rredis/native')
else
  warn 'rredis.h is not found, so the extension is left out: --with-rredis-include=DIR or RREDIS_INCLUDE names its folder'
  File.write('Makefile', dummy_makefile('.').join)
end
