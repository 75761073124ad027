"""The embedded AMQP 0-9-1 broker: a measuring stand in a process of its own, on loopback, in memory.

It keeps nothing on disk (``durable`` and ``persistent`` are accepted and mean nothing more) and does what
clients ask of a RabbitMQ in daily use; whatever else they ask is refused by name, with 540 NOT_IMPLEMENTED.

Modules, from the socket inwards::

    __main__      one process: options, the line that says where it listens, how it ends
    connection    one socket: frames in, pauses, closing
    outbox        what goes out to one peer, and never more than it takes
    handshake     from the protocol header to connection.open-ok
    heartbeat     the pulse of a connection
    wire          the frames of the hot path, by hand
    methods       all other methods, by pamqp
    channel       one channel: its methods, what it consumes and settles
    publishing    the publishing half of a channel
    repeated      messages that look like others, many at a time
    assembly      a message whose content arrives frame by frame
    unacked       what a channel has delivered and not yet heard of
    topology      the methods that declare, bind and delete
    consumers     one consumer: deliveries within its credit and the room of its connection
    queues        one queue: ready messages in their order, consumers in turn
    exchanges     which queues a routing key leads to
    messages      a message and where it came from
    turn          what is put off to the end of a turn of the event loop, to be done once for many frames
    memory        how much may be held, and who waits meanwhile
    broker        the names of everything, and who may use them
    replies       reply codes, and the exception that carries one
"""
