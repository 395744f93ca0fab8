# Builds the bundle, and puts it alone beside Node: the image has no package manager's tree in it.
FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY build.ts tsconfig.json ./
COPY src src
RUN npm run build

FROM node:26-slim
WORKDIR /cambio
COPY LICENSE ./
COPY --from=build /build/dist dist
# For pipelines, which call it by its name.
RUN ln -s /cambio/dist/cambio.js /usr/local/bin/cambio
USER 1000:1000
EXPOSE 8080 9090
ENV NODE_ENV=production
# Room for more new objects before they are gone through: the slowest requests are those that wait for that (docs/performance.md).
ENTRYPOINT ["node", "--min-semi-space-size=16", "/cambio/dist/cambio.js"]
CMD ["--help"]
