-- Frees the name of a model whose other keys are gone. Given: the token of the process that deleted it.
if redis.call('HGET', tag, 'token') == ARGV[2] then redis.call('DEL', tag) end
return 1
