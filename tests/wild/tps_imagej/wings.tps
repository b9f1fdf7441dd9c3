LM=2
3,5 7,5
NA NA
IMAGE=wings/a.tif
ID=a

LM=2
4,5 8,5
5,5 8,5
IMAGE=wings/a.tif
ID=a2
