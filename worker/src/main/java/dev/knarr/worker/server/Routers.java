// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.worker.graph.GraphStores;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The connections of this worker whose clients are routers, by the tokens by which other workers
 * and the routers themselves find them, and the memory that they share. Any thread.
 */
final class Routers {
  /** What packed messages are unpacked in. */
  private static final long UNPACKING_BYTES = 16 << 20;

  /** Inputs of some thousand tokens; more only makes others wait for theirs. */
  private static final long MOST_SLOT_BYTES = 64 << 20;

  private final long memoryBytes;
  private final long graphBytes;
  private final boolean linked;
  private final boolean parking;
  private final AtomicLong usedBytes = new AtomicLong();
  private final Map<Long, Guest> guests = new ConcurrentHashMap<>();
  private final SecureRandom tokens = new SecureRandom();

  /** A router's connection, as others see it. */
  private record Guest(RpcConnection connection, PeerLinks links) {}

  /**
   * Room for routers.
   *
   * @param memoryBytes of the inputs of all of them
   * @param graphs say how much of them each may name
   * @param linked whether this worker makes links to others
   * @param parking whether it keeps weights of those that have gone
   */
  Routers(long memoryBytes, GraphStores graphs, boolean linked, boolean parking) {
    this.memoryBytes = memoryBytes;
    this.graphBytes = graphs.bytesOfARouter();
    this.linked = linked;
    this.parking = parking;
  }

  /**
   * What a router is granted.
   *
   * @param slotBytes for its slots, out of what all routers share; negative without inputs
   * @param graphBytes for the contents of its graphs
   */
  record Grant(RouteTerms terms, long slotBytes, long graphBytes) {}

  /** Takes a router in, with as much as there is left of what it asks for. */
  Grant enter(RouteTerms asked, RpcConnection connection, PeerLinks links) {
    Set<RouteFeature> granted = EnumSet.noneOf(RouteFeature.class);
    granted.addAll(asked.features());
    if (!linked) {
      granted.remove(RouteFeature.DIRECT_COPIES);
    }
    if (!parking) {
      granted.remove(RouteFeature.PARKING);
    }
    long slots = reserve();
    if (slots < 0) {
      granted.remove(RouteFeature.INPUTS);
    }
    long token;
    do {
      token = tokens.nextLong();
    } while (token == 0 || guests.putIfAbsent(token, new Guest(connection, links)) != null);
    var terms = new RouteTerms(RouteTerms.Role.ROUTER, RouteTerms.VERSION, 0, granted, token);
    return new Grant(terms, slots, graphBytes);
  }

  /** The bytes for slots, beside those that every router needs; negative when not even these. */
  private long reserve() {
    while (true) {
      long used = usedBytes.get();
      long slots = Math.min(MOST_SLOT_BYTES, memoryBytes - used - UNPACKING_BYTES);
      if (slots < 0) {
        return slots;
      }
      if (usedBytes.compareAndSet(used, used + UNPACKING_BYTES + slots)) {
        return slots;
      }
    }
  }

  /** Gives back what a router was granted. */
  void leave(Grant grant) {
    guests.remove(grant.terms.token());
    if (grant.slotBytes >= 0) {
      usedBytes.addAndGet(-UNPACKING_BYTES - grant.slotBytes);
    }
  }

  /** The links of a router's connection, by a token that may be anything. */
  Optional<PeerLinks> links(long token) {
    return Optional.ofNullable(guests.get(token)).map(Guest::links);
  }

  /** Ends a router's connection, whatever it waits for, as the router itself asks. */
  void end(long token) {
    var guest = guests.get(token);
    if (guest != null) {
      guest.connection.abort("its router has ended it");
    }
  }
}
