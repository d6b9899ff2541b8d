#!/bin/sh
# Writes src/commands/table.rs: the command names that the redis-server on this machine answers to, and the newer ones
# listed below, which its `COMMAND` cannot know yet; and which of them only read. Run it from the top of the tree when a
# newer server is at hand.
set -eu
export LC_ALL=C

# Names that servers newer than 7.0 know, and SENTINEL, which only a sentinel lists.
newer="SENTINEL WAITAOF COMMANDLOG CLUSTERSCAN SFLUSH TRIMSLOTS
HEXPIRE HEXPIREAT HEXPIRETIME HPERSIST HPEXPIRE HPEXPIREAT HPEXPIRETIME HPTTL HTTL HGETDEL HGETEX HSETEX HIMPORT
DELEX DELIFEQ DIGEST GCRA HOTKEYS INCREX MSETEX LMOVEM BLMOVEM SDIFFCARD SUNIONCARD XACKDEL XCFGSET XDELEX XNACK
VADD VCARD VDIM VEMB VGETATTR VINFO VISMEMBER VLINKS VRANDMEMBER VRANGE VREM VSETATTR VSIM
ARCOUNT ARDEL ARDELRANGE ARGET ARGETRANGE ARGREP ARINFO ARINSERT ARLASTITEMS ARLEN ARMGET ARMSET ARNEXT AROP ARRING
ARSCAN ARSEEK ARSET"

# Of the newer ones, those that only read; and what the server does not count as reading, but is as harmless to repeat.
# Of the commands with a second word, those of which every one reads.
newer_reads="HEXPIRETIME HPEXPIRETIME HPTTL HTTL DIGEST SDIFFCARD SUNIONCARD VCARD VDIM VEMB VGETATTR VINFO VISMEMBER VLINKS
VRANDMEMBER VRANGE VSIM EVAL_RO EVALSHA_RO FCALL_RO PING ECHO TIME INFO ROLE LASTSAVE COMMAND OBJECT XINFO"

folder=$(mktemp -d)
redis-server --port 0 --unixsocket "$folder/s" --dir "$folder" --save '' >"$folder/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$folder"' EXIT
until redis-cli -s "$folder/s" ping >/dev/null 2>&1; do
  kill -0 $server || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done

{
  cat <<'TOP'
//! The names of every command, sorted. Written by tools/commands.sh; change that, not this.

/// First words, in capital letters and in the order of their bytes.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
TOP
  { redis-cli -s "$folder/s" command list; echo "$newer" | tr ' ' '\n'; } |
    tr '[:lower:]' '[:upper:]' | grep -v '|' | sort -u | sed 's/.*/    "&",/'
  cat <<'MIDDLE'
];

/// Those that only read, and so may be repeated, in the same order.
#[rustfmt::skip]
pub(super) const READS: &[&str] = &[
MIDDLE
  { redis-cli -s "$folder/s" command list filterby aclcat read; echo "$newer_reads" | tr ' ' '\n'; } |
    tr '[:lower:]' '[:upper:]' | grep -v '|' | sort -u | sed 's/.*/    "&",/'
  echo '];'
} >src/commands/table.rs
