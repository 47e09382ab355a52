// SPDX-License-Identifier: Apache-2.0
/**
 * Launchers of a real Kubernetes API server for tests. Entry: {@link
 * dev.knarr.testkit.kube.ApiServer}. Users of this package add {@code kube-api-test} and {@code
 * kubernetes-client} to their test dependencies.
 */
@NullMarked
package dev.knarr.testkit.kube;

import org.jspecify.annotations.NullMarked;
