-- Drops what is too old: sources after a day; expectations and notices after the retention; of profiles that are neither
-- active nor the newest, slices and verdicts after the retention of event time, and at last the profiles themselves.
local function drop_before(oldest, name, time_of)
  local content = redis.call('HGETALL', key(name))
  for index = 1, #content, 2 do
    if tonumber(time_of(content[index + 1])) < oldest then redis.call('HDEL', key(name), content[index]) end
  end
end
drop_before(now - DAY, 'sources', function(account) return cmsgpack.unpack(account).seen end)
drop_before(now - DAY, 'logs', function(value) return value:match('%d+$') end)
drop_before(now - RETENTION, 'notified', function(value) return value end)
drop_before(now - RETENTION, 'expected', function(value) return value:match('^%d+') end)

local function drop_scored(digest, hash, sorted, oldest)
  for _, field in ipairs(redis.call('ZRANGEBYSCORE', key(sorted, digest), '-inf', '(' .. text(oldest))) do
    redis.call('HDEL', key(hash, digest), field)
    redis.call('ZREM', key(sorted, digest), field)
  end
end

local active, newest, frozen = unpack(redis.call('HMGET', tag, 'digest', 'newest', 'frozen'))
if not active then return 0 end
local oldest = tonumber(frozen) - RETENTION
local open_panes = redis.call('ZRANGE', key('open'), 0, -1)
for _, digest in ipairs(redis.call('ZRANGE', key('digests'), 0, -1)) do
  if digest ~= active and digest ~= newest then
    local folded = tonumber(redis.call('HGET', key('fold', digest), 'folded') or '0')
    drop_scored(digest, 'slices', 'ends', math.min(oldest, folded + 1))
    drop_scored(digest, 'verdicts', 'times', oldest)
    local has_rows = redis.call('EXISTS', key('ends', digest), key('times', digest)) > 0
    for _, pane in ipairs(open_panes) do
      if pane:sub(1, #digest + 1) == digest .. ':' then has_rows = true end
    end
    local used = tonumber(redis.call('HGET', key('used'), digest) or '0')
    if not has_rows and used < now - RETENTION then
      redis.call('UNLINK', key('fold', digest))
      redis.call('HDEL', tag, 'folded:' .. digest)
      redis.call('HDEL', key('profiles'), digest)
      redis.call('HDEL', key('used'), digest)
      redis.call('ZREM', key('digests'), digest)
    end
  end
end
return 1
