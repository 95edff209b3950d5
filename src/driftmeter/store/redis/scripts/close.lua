-- Put the sums of frozen panes in their place, once: only for who saw the model as it is.
local KEEP = '8640000000' -- 100 days, as in fold.lua
local sent = cmsgpack.unpack(ARGV[2])
for name, expected in pairs(sent.expected) do
  if redis.call('HGET', tag, name) ~= expected then return 0 end
end
local active = redis.call('HGET', tag, 'digest')
for _, each in ipairs(sent.slices) do
  redis.call('HSET', key('slices', each.digest), each.field, each.value)
  redis.call('ZADD', key('ends', each.digest), each.ends, each.field)
end
for _, each in ipairs(sent.places) do
  redis.call('SET', key('sealed', each.place), each.sealed, 'PX', 86400000)
  redis.call('UNLINK', key('meta', each.place), key('counts', each.place))
  redis.call('ZREM', key('open'), each.place)
end
for _, each in ipairs(sent.slices) do
  redis.call('PEXPIRE', key('slices', each.digest), KEEP)
  redis.call('PEXPIRE', key('ends', each.digest), KEEP)
end
for name, value in pairs(sent.after) do
  redis.call('HSET', tag, name, value)
end
if sent.after.digest ~= active then
  redis.call('HSET', key('used'), active, text(now), sent.after.digest, text(now))
end
return 1
