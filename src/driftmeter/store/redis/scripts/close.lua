-- Replaces frozen panes by their sums, if the model still is as the caller saw it. ARGV[2]: the fields of the model that
-- must be as expected, the slices to add, the panes to seal, and the fields to set. Returns 0 if it changed nothing.
local sent = cmsgpack.unpack(ARGV[2])
for field, value in pairs(sent.expected) do
  if redis.call('HGET', tag, field) ~= value then return 0 end
end
local active = redis.call('HGET', tag, 'digest')
for _, slice in ipairs(sent.slices) do
  redis.call('HSET', key('slices', slice.digest), slice.name, slice.value)
  redis.call('ZADD', key('ends', slice.digest), slice.end_time, slice.name)
end
for _, pane in ipairs(sent.panes) do
  redis.call('SET', key('sealed', pane.pane), pane.sealed, 'PX', DAY)
  redis.call('UNLINK', key('meta', pane.pane), key('counts', pane.pane))
  redis.call('ZREM', key('open'), pane.pane)
end
for _, slice in ipairs(sent.slices) do
  redis.call('PEXPIRE', key('slices', slice.digest), UNUSED)
  redis.call('PEXPIRE', key('ends', slice.digest), UNUSED)
end
for field, value in pairs(sent.after) do
  redis.call('HSET', tag, field, value)
end
if sent.after.digest ~= active then
  redis.call('HSET', key('used'), active, text(now), sent.after.digest, text(now))
end
return 1
