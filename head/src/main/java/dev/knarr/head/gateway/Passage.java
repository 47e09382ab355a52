// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.RequestOptions;
import io.vertx.httpproxy.OriginRequestProvider;
import io.vertx.httpproxy.ProxyContext;
import io.vertx.httpproxy.ProxyInterceptor;
import io.vertx.httpproxy.ProxyResponse;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What all requests on their way to llama-server share, and where the proxy hands them over.
 *
 * @param keys who may ask
 */
record Passage(
    Vertx vertx,
    ApiKeys keys,
    WaitingRoom room,
    ByteBudget budget,
    Connections connections,
    GatewayMeters meters,
    Set<Exchange> active,
    AtomicInteger activeCount)
    implements ProxyInterceptor, OriginRequestProvider {

  private static final String EXCHANGE = "exchange";

  Passage(
      Vertx vertx,
      ApiKeys keys,
      WaitingRoom room,
      ByteBudget budget,
      Connections connections,
      GatewayMeters meters) {
    this(vertx, keys, room, budget, connections, meters, new HashSet<>(), new AtomicInteger());
  }

  @Override
  public Future<ProxyResponse> handleProxyRequest(ProxyContext context) {
    Exchange exchange = new Exchange(this, context);
    context.set(EXCHANGE, exchange);
    active.add(exchange);
    activeCount.set(active.size());
    return exchange.ask();
  }

  @Override
  public Future<HttpClientRequest> create(ProxyContext context) {
    Upstream upstream = exchange(context).upstream();
    return context
        .client()
        .request(new RequestOptions().setHost(Upstream.HOST).setPort(upstream.port()))
        .onSuccess(exchange(context)::connected);
  }

  @Override
  public Future<Void> handleProxyResponse(ProxyContext context) {
    return exchange(context).answer();
  }

  void finished(Exchange exchange) {
    active.remove(exchange);
    activeCount.set(active.size());
  }

  /** A llama-server is gone: nobody waits for the kernel to notice. */
  void abandon(Life life) {
    for (Exchange exchange : List.copyOf(active)) {
      exchange.abandon(life);
    }
  }

  private static Exchange exchange(ProxyContext context) {
    return context.get(EXCHANGE, Exchange.class);
  }
}
