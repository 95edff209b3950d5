-- Records a fold, if the progress still is what the fold began with. ARGV[2]: the new progress and verdict, the slices that
-- were merged away, those that replace them, and the verdicts to drop. Returns 0 if it changed nothing.
local sent = cmsgpack.unpack(ARGV[2])
local digest = sent.digest
local born = redis.call('HGET', tag, 'born')
if not born or (sent.born ~= '' and sent.born ~= born) then return 0 end
if (redis.call('HGET', key('fold', digest), 'folded') or '0') ~= sent.expected then return 0 end
redis.call('HSET', key('fold', digest), 'folded', sent.folded, 'state', sent.state)
redis.call('HSET', tag, 'folded:' .. digest, sent.folded)
redis.call('HSET', key('verdicts', digest), sent.bucket, sent.verdict)
redis.call('ZADD', key('times', digest), sent.at, sent.bucket)
for _, name in ipairs(sent.dropped_slices) do
  redis.call('HDEL', key('slices', digest), name)
  redis.call('ZREM', key('ends', digest), name)
end
for _, slice in ipairs(sent.slices) do
  redis.call('HSET', key('slices', digest), slice.name, slice.value)
  redis.call('ZADD', key('ends', digest), slice.end_time, slice.name)
end
for _, bucket in ipairs(sent.dropped_verdicts) do
  redis.call('HDEL', key('verdicts', digest), bucket)
  redis.call('ZREM', key('times', digest), bucket)
end
for _, name in ipairs({'fold', 'slices', 'ends', 'verdicts', 'times'}) do
  redis.call('PEXPIRE', key(name, digest), UNUSED)
end
return 1
