-- Makes the writes of one model durable, all of them or none. ARGV[2] is the content of a WriteBatch, in msgpack.
--
-- Everything that could stop the writes is checked before the first of them. The rows that a process adds up itself come
-- as their sum so far. Where such a sum rests on a state of the model that has changed, nothing is written, and the reply
-- tells the state as it is now. commit_reply.py reads the replies.
local sent = cmsgpack.unpack(ARGV[2])

-- A number of 8 bytes, and back.
local function number_of(bytes)
  local high, low = struct.unpack('>I4I4', bytes)
  return high * 4294967296 + low
end

local function bytes_of(number)
  return struct.pack('>I4I4', math.floor(number / 4294967296), number % 4294967296)
end

-- Compares sequences as bytes: a number of Lua does not hold 64 bits.
local function is_higher(sequence, other)
  local high, low = struct.unpack('>I4I4', sequence)
  local other_high, other_low = struct.unpack('>I4I4', other)
  return high > other_high or (high == other_high and low > other_low)
end

-- What a source has reported of a pane: sequence and rows, 8 bytes each; unseen texts may follow.
local function report_of(bytes)
  return bytes:sub(1, 8), number_of(bytes:sub(9, 16))
end

-- 1. Check.

local born, barrier, length = unpack(redis.call('HMGET', tag, 'born', 'barrier', 'pane'))
if not born then return {'unknown model'} end
local changed = {'changed', text(now), born, barrier, length, {}}
if born ~= sent.born then return changed end
if #sent.sources > 0 and tonumber(barrier) < sent.barrier then return changed end
for _, digest in ipairs(sent.digests) do
  if redis.call('HEXISTS', key('profiles'), digest) == 0 then return {'unknown profile', digest} end
end
barrier = tonumber(barrier)
for _, sum in ipairs(sent.sums) do
  if sum.end_time <= barrier or length ~= sent.length then return changed end
  local stored = redis.call('HGET', key('meta', sum.pane), sum.source)
  if stored and not is_higher(sum.sequence, stored) then return {'behind'} end
end
for _, source in ipairs(sent.sources) do
  if source.continues and redis.call('HEXISTS', key('sources'), source.field) == 0 then return {'behind'} end
end
local used_keys = changed[6]
for _, used in ipairs(sent.keys) do
  local stored = redis.call('GET', key('key', used.key))
  if stored and now - number_of(stored:sub(1, 8)) <= DAY then
    table.insert(used_keys, {used.key, stored:sub(17), text(number_of(stored:sub(9, 16)))})
  end
end
if #used_keys > 0 then return changed end

-- 2. Accounts of sources. The rules are those of panes.coverage.Account and SourceTotals;
-- tests/store/redis/test_accounts.py compares the two on random sequences of writes.

local current_span = math.floor(now / SPAN)

-- RowTally
local function tally_of(account)
  local tally = {}
  for index, name in ipairs(TALLY_FIELDS) do tally[index] = account[name] end
  return tally
end

-- Account.first_seen: other stores may have acknowledged rows of a source that is new to this one.
local function new_account(totals)
  local acknowledged = totals.acknowledged or 0
  local base = {observed = 0, counted = acknowledged, added = acknowledged, late = 0}
  if acknowledged > 0 then base.observed = totals.observed - totals.counted + acknowledged end
  local tally = tally_of(base)
  return {
    observed = 0, counted = 0, added = acknowledged, late = 0, final = false, totals = '',
    span = current_span, earlier = tally, latest = tally,
  }
end

-- Account.write. Returns the totals that the source had reported before.
local function write_account(field, totals, added, late, final)
  local stored = redis.call('HGET', key('sources'), field)
  local account = stored and cmsgpack.unpack(stored) or new_account(totals)
  -- Account.bases; a lower span is that of a clock that was set back
  if current_span > account.span then
    local tally = tally_of(account)
    account.earlier = current_span == account.span + 1 and account.latest or tally
    account.latest = tally
    account.span = current_span
  end
  -- only rows that it had not counted before call a source back that has gone
  account.final = final or (account.final and totals.observed <= account.observed)
  local before = account.totals
  -- SourceTotals.followed_by
  if totals.observed >= account.observed then
    account.observed, account.counted, account.totals = totals.observed, totals.counted, totals.json
  end
  account.added = account.added + added
  account.late = account.late + late
  account.seen = now
  redis.call('HSET', key('sources'), field, cmsgpack.pack(account))
  return before
end

-- Records that a source was heard of: one that reads a log with its watermark, all others as live.
local function write_watermark(source, watermark)
  local stored = redis.call('HGET', key('logs'), source)
  if stored then
    local before = tonumber(stored:match('^%d+'))
    watermark = math.max(before, watermark or before)
  end
  if watermark then
    redis.call('HSET', key('logs'), source, text(watermark) .. ' ' .. text(now))
  else
    redis.call('HSET', tag, 'live', text(now))
  end
end

-- 3. Panes.

local function write_open(pane)
  local report = pane.sequence .. bytes_of(pane.rows) .. (pane.texts or '')
  redis.call('HSET', key('meta', pane.pane), pane.source, report)
  redis.call('HSET', key('counts', pane.pane), pane.source, pane.counts)
  redis.call('ZADD', key('open'), text(pane.end_time), pane.pane)
end

local sealed_panes = {} -- many late panes of one time come together

-- What a source had reported of a frozen pane: sequence, rows that it has reported since, rows that went in.
local function frozen_of(pane)
  local late = redis.call('HGET', key('late', pane.pane), pane.source)
  if late then
    local sequence, rows = report_of(late)
    return sequence, rows, number_of(late:sub(17, 24))
  end
  local open = redis.call('HGET', key('meta', pane.pane), pane.source)
  if open then -- frozen, and not closed yet
    local sequence, rows = report_of(open)
    return sequence, rows, rows
  end
  local sealed = sealed_panes[pane.pane] or redis.call('GET', key('sealed', pane.pane)) or ''
  sealed_panes[pane.pane] = sealed
  -- SEAL_BYTES for each source: hash, sequence, the lower 6 bytes of the rows
  local hash_length = #pane.source_hash
  local at = sealed:find(pane.source_hash, 1, true)
  while at and (at - 1) % SEAL_BYTES ~= 0 do at = sealed:find(pane.source_hash, at + 1, true) end
  if not at then return nil, 0, 0 end
  local rows = number_of('\0\0' .. sealed:sub(at + hash_length + 8, at + SEAL_BYTES - 1))
  return sealed:sub(at + hash_length, at + hash_length + 7), rows, rows
end

local replies = {}
for _, pane in ipairs(sent.panes) do
  local late, added_late, before, sequence = 0, 0, 0, nil
  local duplicate
  if pane.end_time <= barrier then
    local frozen
    sequence, before, frozen = frozen_of(pane)
    duplicate = sequence and not is_higher(pane.sequence, sequence)
    late = math.max(0, pane.rows - frozen)
    if not duplicate then
      added_late = math.max(0, pane.rows - before)
      local record = pane.sequence .. bytes_of(pane.rows) .. bytes_of(frozen)
      redis.call('HSET', key('late', pane.pane), pane.source, record)
      redis.call('PEXPIRE', key('late', pane.pane), DAY)
    end
  else
    local stored = redis.call('HGET', key('meta', pane.pane), pane.source)
    if stored then sequence, before = report_of(stored) end
    duplicate = sequence and not is_higher(pane.sequence, sequence)
    if not duplicate then write_open(pane) end
  end
  local added = duplicate and 0 or math.max(0, pane.rows - before)
  local totals_before = write_account(pane.source, pane.totals, added, added_late, pane.final)
  write_watermark(pane.source, pane.watermark)
  replies[#replies + 1] = {duplicate and 1 or 0, late, added, added_late, totals_before}
end

-- 4. Sums of rows that a process has taken, and the idempotency keys of the batches in them.

for _, sum in ipairs(sent.sums) do write_open(sum) end
for _, source in ipairs(sent.sources) do
  write_account(source.field, source.totals, source.added, source.late, true)
  write_watermark(source.source, source.watermark)
end
for _, used in ipairs(sent.keys) do
  -- all keys go a day after their time: one that goes earlier has an earlier time
  local record = bytes_of(math.max(0, now - DAY + used.life)) .. bytes_of(used.late) .. used.fingerprint
  redis.call('SET', key('key', used.key), record, 'PX', used.life + 60000)
end
return {'written', text(now), born, text(barrier), length, replies}
