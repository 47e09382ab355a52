// SPDX-License-Identifier: Apache-2.0
/** Tests of a cluster's certificates. */
@NullMarked
package dev.knarr.operator.tls;

import org.jspecify.annotations.NullMarked;
