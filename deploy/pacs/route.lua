-- Each scan that comes goes on to the gateway; what the gateway itself has sent does not.
function OnStoredInstance(instance, tags, metadata, origin)
  if origin['RequestOrigin'] ~= 'Lua' and origin['RemoteAet'] ~= 'OCTCLUSTER' then
    Delete(SendToModality(instance, 'gateway'))
  end
end
