# AlmaLinux: everyone has the sbin folders.
if [ "$(id -u)" -eq 0 ]; then
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
else
  PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin
fi
export PATH
