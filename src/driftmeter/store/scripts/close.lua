-- Put the sums of frozen panes in their place, once: only for who saw the model as it is.
local KEEP = '8640000000' -- 100 days, as in fold.lua
local sent = cmsgpack.unpack(ARGV[2])
local born, frozen, active, newest, streak =
  unpack(redis.call('HMGET', tag, 'born', 'frozen', 'digest', 'newest', 'streak'))
if born ~= sent.born then return 0 end
if frozen ~= sent.expected or active ~= sent.active or newest ~= sent.newest or streak ~= sent.streak then return 0 end
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
redis.call('HSET', tag, 'frozen', sent.frozen, 'digest', sent.then_active, 'streak', sent.then_streak)
if sent.then_active ~= active then
  redis.call('HSET', key('used'), active, text(now), sent.then_active, text(now))
end
return 1
