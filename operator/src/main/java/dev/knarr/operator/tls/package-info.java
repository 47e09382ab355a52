// SPDX-License-Identifier: Apache-2.0
/**
 * The certificates of a cluster: {@link dev.knarr.operator.tls.ClusterCertificates} says what its
 * two Secrets are to hold now, and when to look again.
 */
@NullMarked
package dev.knarr.operator.tls;

import org.jspecify.annotations.NullMarked;
