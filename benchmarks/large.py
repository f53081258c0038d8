def many(): pass
def memory(): pass
