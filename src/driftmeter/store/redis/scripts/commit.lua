-- Make the writes of one model durable: all that could speak against it comes before the first of them. What a process
-- adds up itself comes as its sum so far: where that rests on something that is no longer so, nothing is written, and
-- the answer says how it is now.
local DAY, SPAN = 86400000, 600000
local sent = cmsgpack.unpack(ARGV[2])

local function number(bytes)
  local high, low = struct.unpack('>I4I4', bytes)
  return high * 4294967296 + low
end

local function bytes(value)
  return struct.pack('>I4I4', math.floor(value / 4294967296), value % 4294967296)
end

-- sequences are beyond what a double holds
local function above(one, other)
  local high, low = struct.unpack('>I4I4', one)
  local other_high, other_low = struct.unpack('>I4I4', other)
  return high > other_high or (high == other_high and low > other_low)
end

local born, barrier, length = unpack(redis.call('HMGET', tag, 'born', 'barrier', 'pane'))
if not born then return {'unknown'} end
local again = {'again', text(now), born, barrier, length}
if born ~= sent.born then return again end
if #sent.sources > 0 and tonumber(barrier) < sent.barrier then return again end
for _, digest in ipairs(sent.digests) do
  if redis.call('HEXISTS', key('profiles'), digest) == 0 then return {'profile', digest} end
end
barrier = tonumber(barrier)
for _, each in ipairs(sent.sums) do
  if each.ends <= barrier or length ~= sent.length then return again end
  local stored = redis.call('HGET', key('meta', each.place), each.source)
  if stored and not above(each.sequence, stored) then return {'behind'} end
end
for _, each in ipairs(sent.sources) do
  if each.continues and redis.call('HEXISTS', key('sources'), each.field) == 0 then return {'behind'} end
end
for _, each in ipairs(sent.keys) do
  local found = redis.call('GET', key('key', each.key))
  if found and now - number(found:sub(1, 8)) <= DAY then
    table.insert(again, each.key)
    table.insert(again, found)
  end
end
if #again > 5 then return again end

-- sources.Account.write
local function account(field, totals, added, late, final, overtakes)
  local found = redis.call('HGET', key('sources'), field)
  local old, before = {}, ''
  if found then
    local head
    head, before = found:match('^([^\n]*)\n(.*)$')
    for each in head:gmatch('%d+') do old[#old + 1] = tonumber(each) end
  else
    for place = 1, 15 do old[place] = 0 end
  end
  local _, old_added, old_late, old_final, place, observed, counted = unpack(old)
  local tally = {observed, counted, old_added, old_late}
  local earlier, latest = {unpack(old, 8, 11)}, {unpack(old, 12, 15)}
  local spans = math.floor(now / SPAN) - place
  local known = not found and totals.acknowledged or 0
  if known > 0 then
    -- sources.Account.met
    old_added, place = known, math.floor(now / SPAN)
    earlier = {totals.observed - totals.counted + known, known, known, 0}
    latest = earlier
  elseif spans == 1 then
    earlier, latest = latest, tally
  elseif spans > 1 or not found then
    earlier, latest = tally, tally
  end
  local json = totals.json
  if overtakes then
    final = final or (old_final == 1 and totals.observed <= observed)
    if totals.observed < observed then json = before else observed, counted = totals.observed, totals.counted end
  else
    observed, counted = totals.observed, totals.counted
  end
  place = math.max(place, math.floor(now / SPAN))
  local head = {now, old_added + added, old_late + late, final and 1 or 0, place, observed, counted}
  for _, tallied in ipairs({earlier, latest}) do
    for place = 1, 4 do head[#head + 1] = tallied[place] end
  end
  for place, each in ipairs(head) do head[place] = text(each) end
  redis.call('HSET', key('sources'), field, table.concat(head, ' ') .. '\n' .. json)
  return before
end

local function heard(source, mark)
  local found = redis.call('HGET', key('logs'), source)
  if found then
    local before = tonumber(found:match('^%d+'))
    mark = math.max(before, mark or before)
  end
  if mark then
    redis.call('HSET', key('logs'), source, text(mark) .. ' ' .. text(now))
  else
    redis.call('HSET', tag, 'live', text(now))
  end
end

local seen = {}

-- what a source had in a frozen pane: sequence, rows that went in, rows that it has said since
local function sealed(place, source, hash)
  local found = redis.call('HGET', key('late', place), source)
  if found then return found:sub(1, 8), number(found:sub(17, 24)), number(found:sub(9, 16)) end
  found = redis.call('HGET', key('meta', place), source)
  if found then
    local rows = number(found:sub(9, 16))
    return found:sub(1, 8), rows, rows
  end
  local records = seen[place] or redis.call('GET', key('sealed', place)) or ''
  seen[place] = records -- many late panes of one time come together
  local at = records:find(hash, 1, true)
  while at and (at - 1) % 20 ~= 0 do at = records:find(hash, at + 1, true) end
  if not at then return nil, 0, 0 end
  local rows = number('\0\0' .. records:sub(at + 14, at + 19))
  return records:sub(at + 6, at + 13), rows, rows
end

local answers = {}
for _, pane in ipairs(sent.panes) do
  local late, new_late, before, sequence = 0, 0, 0, nil
  local duplicate
  if pane.ends <= barrier then
    local frozen
    sequence, frozen, before = sealed(pane.place, pane.source, pane.hash)
    duplicate = sequence and not above(pane.sequence, sequence)
    late = math.max(0, pane.rows - frozen)
    if not duplicate then
      new_late = math.max(0, pane.rows - before)
      redis.call('HSET', key('late', pane.place), pane.source, pane.sequence .. bytes(pane.rows) .. bytes(frozen))
      redis.call('PEXPIRE', key('late', pane.place), DAY)
    end
  else
    local found = redis.call('HGET', key('meta', pane.place), pane.source)
    if found then sequence, before = found:sub(1, 8), number(found:sub(9, 16)) end
    duplicate = sequence and not above(pane.sequence, sequence)
    if not duplicate then
      redis.call('HSET', key('meta', pane.place), pane.source, pane.sequence .. bytes(pane.rows))
      redis.call('HSET', key('counts', pane.place), pane.source, pane.counts)
      redis.call('ZADD', key('open'), text(pane.ends), pane.place)
    end
  end
  local added = duplicate and 0 or math.max(0, pane.rows - before)
  local said = account(pane.source, pane.totals, added, new_late, pane.final, true)
  heard(pane.source, pane.watermark)
  answers[#answers + 1] = {duplicate and 1 or 0, late, added, new_late, said}
end

for _, each in ipairs(sent.sums) do
  redis.call('HSET', key('meta', each.place), each.source, each.sequence .. bytes(each.rows))
  redis.call('HSET', key('counts', each.place), each.source, each.counts)
  redis.call('ZADD', key('open'), text(each.ends), each.place)
end
for _, each in ipairs(sent.sources) do
  account(each.field, each.totals, each.added, each.late, true, false)
  heard(each.source, each.watermark)
end
for _, each in ipairs(sent.keys) do
  redis.call('SET', key('key', each.key), bytes(now) .. bytes(each.late) .. each.fingerprint, 'PX', DAY + 60000)
end
return {'done', text(now), born, text(barrier), length, answers}
